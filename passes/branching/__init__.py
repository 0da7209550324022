"""Parts of `reverse-if-conversion`: where arrays come from, and checks apart from what they guard."""
