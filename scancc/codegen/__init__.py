"""Loop IR to LLVM IR, objects, PTX, and what is exported for use without Python."""
