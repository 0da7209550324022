"""The names that C, C++ and POSIX take: keywords, types, macros, functions, variables and headers.

From ISO C (C99 to C23), ISO C++ (C++98 to C++26) and POSIX.1 (2008 and 2024, with XSI); `EXTENSIONS` and
`EXTENSION_MACROS` are what the C libraries of Linux and BSD have beside them. `codegen/c_names.py` has the names that
rules make (`INT8_MAX`, `PRId64`), and how these lists are read.
"""

from __future__ import annotations

# With words that mean something in some places only, and what compilers define in lower case.
KEYWORDS = """
    alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool break case
    catch char char16_t char32_t char8_t class co_await co_return co_yield compl complex concept const const_cast
    consteval constexpr constinit continue contract_assert decltype default delete do double dynamic_cast elifdef
    elifndef else embed enum explicit export extern false final float for fortran friend goto i386 if imaginary
    import inline int linux long module mutable namespace new noexcept not not_eq nullptr operator or or_eq override
    private protected public reflexpr register reinterpret_cast replaceable_if_eligible requires restrict return
    short signed sizeof static static_assert static_cast std struct switch synchronized template this thread_local
    throw trivially_relocatable_if_eligible true try typedef typeid typename typeof typeof_unqual union unix
    unsigned using virtual void volatile wchar_t while xor xor_eq
"""

TYPES = """
    DIR FILE active_reg_t atomic_bool atomic_char atomic_char16_t atomic_char32_t atomic_flag atomic_int
    atomic_int_fast16_t atomic_int_fast32_t atomic_int_fast64_t atomic_int_fast8_t atomic_int_least16_t
    atomic_int_least32_t atomic_int_least64_t atomic_int_least8_t atomic_intmax_t atomic_intptr_t atomic_llong
    atomic_long atomic_ptrdiff_t atomic_schar atomic_short atomic_size_t atomic_uchar atomic_uint
    atomic_uint_fast16_t atomic_uint_fast32_t atomic_uint_fast64_t atomic_uint_fast8_t atomic_uint_least16_t
    atomic_uint_least32_t atomic_uint_least64_t atomic_uint_least8_t atomic_uintmax_t atomic_uintptr_t atomic_ullong
    atomic_ulong atomic_ushort atomic_wchar_t blkcnt_t blksize_t bool cc_t char16_t char32_t char8_t clock_t
    clockid_t cnd_t constraint_handler_t cpu_set_t dev_t div_t double_t errno_t fd_set femode_t fenv_t fexcept_t
    float_t fpos_t fpregset_t fsblkcnt_t fsfilcnt_t gid_t glob_t greg_t gregset_t iconv_t id_t idtype_t imaxdiv_t
    in_addr_t in_port_t ino_t int16_t int32_t int64_t int8_t int_fast16_t int_fast32_t int_fast64_t int_fast8_t
    int_least16_t int_least32_t int_least64_t int_least8_t intmax_t intptr_t jmp_buf key_t ldiv_t lldiv_t locale_t
    max_align_t mbstate_t mcontext_t memory_order mode_t mqd_t msglen_t msgqnum_t mtx_t nfds_t nl_catd nl_item
    nlink_t nullptr_t off_t once_flag pid_t posix_spawn_file_actions_t posix_spawnattr_t pthread_attr_t
    pthread_barrier_t pthread_barrierattr_t pthread_cond_t pthread_condattr_t pthread_key_t pthread_mutex_t
    pthread_mutexattr_t pthread_once_t pthread_rwlock_t pthread_rwlockattr_t pthread_spinlock_t pthread_t ptrdiff_t
    quad_t reg_errcode_t reg_syntax_t regex_t regmatch_t regoff_t rlim_t rsize_t s_reg_t sa_family_t sem_t shmatt_t
    sig_atomic_t sigevent_t sigjmp_buf sigset_t size_t socklen_t speed_t ssize_t stack_t suseconds_t tcflag_t thrd_t
    time_t timer_t tss_t u_char u_int u_int16_t u_int32_t u_int64_t u_int8_t u_long u_quad_t u_short ucontext_t
    uid_t uint uint16_t uint32_t uint64_t uint8_t uint_fast16_t uint_fast32_t uint_fast64_t uint_fast8_t
    uint_least16_t uint_least32_t uint_least64_t uint_least8_t uintmax_t uintptr_t ulong useconds_t ushort ut_tv
    va_list wchar_t wctrans_t wctype_t wint_t wordexp_t
"""

# Functions that <math.h> and <complex.h> have for each kind of number: as they stand, and with a suffix.
SUFFIXED = """
    acos acosh acospi asin asinh asinpi atan atan2 atan2pi atanh atanpi atol cabs cacos cacosh canonicalize carg
    casin casinh catan catanh cbrt ccos ccosh ceil cexp cimag clog compoundn conj copysign cos cosh cospi cpow cproj
    creal csin csinh csqrt ctan ctanh dadd ddiv dfma dmul drem dsqrt dsub erf erfc exp exp10 exp10m1 exp2 exp2m1
    expm1 fabs fadd fdim fdiv ffma finite floor fma fmax fmaximum fmaximum_mag fmaximum_mag_num fmaximum_num fmin
    fminimum fminimum_mag fminimum_mag_num fminimum_num fmod fmul frexp fromfp fromfpx fsqrt fsub gamma hypot ilogb
    isinf isnan j0 j1 jn ldexp lgamma lgamma_r llogb llrint llround log log10 log10p1 log1p log2 log2p1 logb logp1
    lrint lround modf nan nearbyint nextafter nextdown nexttoward nextup pow pow10 pown powr remainder remquo rint
    rootn round roundeven rsqrt scalb scalbln scalbn significand sin sincos sinh sinpi sqrt strtol strtoul tan tanh
    tanpi tgamma trunc ufromfp ufromfpx wcstol wcstoul y0 y1 yn
"""

# Functions of C, and macros with arguments.
FUNCTIONS = """
    abort abs aligned_alloc asctime assert at_quick_exit atexit atof atoi bsearch btowc c16rtomb c32rtomb c8rtomb
    call_once calloc ckd_add ckd_mul ckd_sub clearerr clock cnd_broadcast cnd_destroy cnd_init cnd_signal
    cnd_timedwait cnd_wait ctime decodebin decodedec difftime div encodebin encodedec exit fclose feclearexcept
    fegetenv fegetexceptflag fegetmode fegetround feholdexcept feof feraiseexcept ferror fesetenv fesetexcept
    fesetexceptflag fesetmode fesetround fetestexcept fetestexceptflag feupdateenv fflush fgetc fgetpos fgets fgetwc
    fgetws fopen fprintf fputc fputs fputwc fputws fread free free_aligned_sized free_sized freopen fscanf fseek
    fsetpos ftell fwide fwprintf fwrite fwscanf getc getchar getenv getpayload gets getwc getwchar gmtime gmtime_r
    imaxabs imaxdiv isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper iswalnum
    iswalpha iswblank iswcntrl iswctype iswdigit iswgraph iswlower iswprint iswpunct iswspace iswupper iswxdigit
    isxdigit labs ldiv llabs lldiv llquantexp localeconv localtime localtime_r longjmp malloc mblen mbrlen mbrtoc16
    mbrtoc32 mbrtoc8 mbrtowc mbsinit mbsrtowcs mbstowcs mbtowc memalignment memccpy memchr memcmp memcpy memmove
    memset memset_explicit mktime mtx_destroy mtx_init mtx_lock mtx_timedlock mtx_trylock mtx_unlock offsetof perror
    printf putc putchar puts putwc putwchar qsort quantize quantum quick_exit raise rand realloc remove rename
    rewind samequantum scanf setbuf setjmp setlocale setpayload setpayloadsig setvbuf signal snprintf sprintf srand
    sscanf static_assert strcat strchr strcmp strcoll strcpy strcspn strdup strerror strfromd strfromf strfroml
    strftime strlen strncat strncmp strncpy strndup strpbrk strrchr strspn strstr strtod strtof strtoimax strtok
    strtold strtoumax strxfrm swprintf swscanf system thrd_create thrd_current thrd_detach thrd_equal thrd_exit
    thrd_join thrd_sleep thrd_yield time timegm timespec_get timespec_getres tmpfile tmpnam tolower totalorder
    totalordermag toupper towctrans towlower towupper tss_create tss_delete tss_get tss_set ungetc ungetwc
    unreachable va_arg va_copy va_end va_start vfprintf vfscanf vfwprintf vfwscanf vprintf vscanf vsnprintf vsprintf
    vsscanf vswprintf vswscanf vwprintf vwscanf wcrtomb wcscat wcschr wcscmp wcscoll wcscpy wcscspn wcsftime wcslen
    wcsncat wcsncmp wcsncpy wcspbrk wcsrchr wcsrtombs wcsspn wcsstr wcstod wcstof wcstoimax wcstok wcstold wcstombs
    wcstoumax wcsxfrm wctob wctomb wctrans wctype wmemchr wmemcmp wmemcpy wmemmove wmemset wprintf wscanf
"""

POSIX_FUNCTIONS = """
    a64l accept accept4 access aio_cancel aio_error aio_fsync aio_read aio_return aio_suspend aio_write alarm
    alphasort asctime_r asprintf bcmp bcopy be16toh be32toh be64toh bind bind_textdomain_codeset bindtextdomain
    bsd_signal bzero catclose catgets catopen cfgetispeed cfgetospeed cfsetispeed cfsetospeed chdir chmod chown
    clock_getcpuclockid clock_getres clock_gettime clock_nanosleep clock_settime close closedir closelog confstr
    connect creat ctermid ctime_r dcgettext dcngettext dgettext dirfd dirname dladdr dlclose dlerror dlopen dlsym
    dngettext dprintf drand48 dup dup2 dup3 duplocale ecvt endgrent endhostent endnetent endprotoent endpwent
    endservent endutxent erand48 execl execle execlp execv execve execvp faccessat fchdir fchmod fchmodat fchown
    fchownat fcntl fcvt fdatasync fdopen fdopendir fexecve ffs fileno flockfile fmemopen fmtmsg fnmatch fork
    fpathconf freeaddrinfo freelocale fseeko fstat fstatat fstatvfs fsync ftello ftime ftok ftruncate ftrylockfile
    ftw funlockfile futimens gai_strerror gcvt getaddrinfo getc_unlocked getchar_unlocked getcontext getcwd getdate
    getdelim getegid getentropy geteuid getgid getgrent getgrgid getgrgid_r getgrnam getgrnam_r getgroups
    gethostbyaddr gethostbyname gethostent gethostid gethostname getitimer getline getlocalename_l getlogin
    getlogin_r getnameinfo getnetbyaddr getnetbyname getnetent getopt getpeername getpgid getpgrp getpid getppid
    getpriority getprotobyname getprotobynumber getprotoent getpwent getpwnam getpwnam_r getpwuid getpwuid_r
    getresgid getresuid getrlimit getrusage getservbyname getservbyport getservent getsid getsockname getsockopt
    getsubopt gettext gettimeofday getuid getutxent getutxid getutxline getwd glob globfree grantpt hcreate hdestroy
    hsearch htobe16 htobe32 htobe64 htole16 htole32 htole64 htonl htons iconv iconv_close iconv_open
    if_freenameindex if_indextoname if_nameindex if_nametoindex index inet_addr inet_lnaof inet_makeaddr inet_netof
    inet_network inet_ntoa inet_ntop inet_pton initstate insque isalnum_l isalpha_l isascii isatty isblank_l
    iscntrl_l isdigit_l isgraph_l islower_l isprint_l ispunct_l isspace_l isupper_l iswalnum_l iswalpha_l iswblank_l
    iswcntrl_l iswctype_l iswdigit_l iswgraph_l iswlower_l iswprint_l iswpunct_l iswspace_l iswupper_l iswxdigit_l
    isxdigit_l jrand48 kill killpg l64a lchown lcong48 le16toh le32toh le64toh lfind link linkat lio_listio listen
    lockf lrand48 lsearch lseek lstat makecontext mbsnrtowcs memmem mkdir mkdirat mkdtemp mkfifo mkfifoat mknod
    mknodat mkostemp mkstemp mktemp mlock mlockall mmap mprotect mq_close mq_getattr mq_notify mq_open mq_receive
    mq_send mq_setattr mq_timedreceive mq_timedsend mq_unlink mrand48 msgctl msgget msgrcv msgsnd msync munlock
    munlockall munmap nanosleep newlocale nftw ngettext nice nl_langinfo nl_langinfo_l nrand48 ntohl ntohs open
    open_memstream open_wmemstream openat opendir openlog pathconf pause pclose pipe pipe2 poll popen posix_close
    posix_devctl posix_fadvise posix_fallocate posix_getdents posix_madvise posix_memalign posix_openpt posix_spawn
    posix_spawn_file_actions_addchdir posix_spawn_file_actions_addclose posix_spawn_file_actions_adddup2
    posix_spawn_file_actions_addfchdir posix_spawn_file_actions_addopen posix_spawn_file_actions_destroy
    posix_spawn_file_actions_init posix_spawnattr_destroy posix_spawnattr_getflags posix_spawnattr_getpgroup
    posix_spawnattr_getschedparam posix_spawnattr_getschedpolicy posix_spawnattr_getsigdefault
    posix_spawnattr_getsigmask posix_spawnattr_init posix_spawnattr_setflags posix_spawnattr_setpgroup
    posix_spawnattr_setschedparam posix_spawnattr_setschedpolicy posix_spawnattr_setsigdefault
    posix_spawnattr_setsigmask posix_spawnp ppoll pread pselect psiginfo psignal pthread_atfork pthread_attr_destroy
    pthread_attr_getdetachstate pthread_attr_getguardsize pthread_attr_getinheritsched pthread_attr_getschedparam
    pthread_attr_getschedpolicy pthread_attr_getscope pthread_attr_getstack pthread_attr_getstackaddr
    pthread_attr_getstacksize pthread_attr_init pthread_attr_setdetachstate pthread_attr_setguardsize
    pthread_attr_setinheritsched pthread_attr_setschedparam pthread_attr_setschedpolicy pthread_attr_setscope
    pthread_attr_setstack pthread_attr_setstackaddr pthread_attr_setstacksize pthread_barrier_destroy
    pthread_barrier_init pthread_barrier_wait pthread_barrierattr_destroy pthread_barrierattr_getpshared
    pthread_barrierattr_init pthread_barrierattr_setpshared pthread_cancel pthread_cond_broadcast
    pthread_cond_clockwait pthread_cond_destroy pthread_cond_init pthread_cond_signal pthread_cond_timedwait
    pthread_cond_wait pthread_condattr_destroy pthread_condattr_getclock pthread_condattr_getpshared
    pthread_condattr_init pthread_condattr_setclock pthread_condattr_setpshared pthread_create pthread_detach
    pthread_equal pthread_exit pthread_getconcurrency pthread_getcpuclockid pthread_getschedparam
    pthread_getspecific pthread_join pthread_key_create pthread_key_delete pthread_kill pthread_mutex_clocklock
    pthread_mutex_consistent pthread_mutex_destroy pthread_mutex_getprioceiling pthread_mutex_init
    pthread_mutex_lock pthread_mutex_setprioceiling pthread_mutex_timedlock pthread_mutex_trylock
    pthread_mutex_unlock pthread_mutexattr_destroy pthread_mutexattr_getprioceiling pthread_mutexattr_getprotocol
    pthread_mutexattr_getpshared pthread_mutexattr_getrobust pthread_mutexattr_gettype pthread_mutexattr_init
    pthread_mutexattr_setprioceiling pthread_mutexattr_setprotocol pthread_mutexattr_setpshared
    pthread_mutexattr_setrobust pthread_mutexattr_settype pthread_once pthread_rwlock_clockrdlock
    pthread_rwlock_clockwrlock pthread_rwlock_destroy pthread_rwlock_init pthread_rwlock_rdlock
    pthread_rwlock_timedrdlock pthread_rwlock_timedwrlock pthread_rwlock_tryrdlock pthread_rwlock_trywrlock
    pthread_rwlock_unlock pthread_rwlock_wrlock pthread_rwlockattr_destroy pthread_rwlockattr_getkind_np
    pthread_rwlockattr_getpshared pthread_rwlockattr_init pthread_rwlockattr_setkind_np
    pthread_rwlockattr_setpshared pthread_self pthread_setcancelstate pthread_setcanceltype pthread_setconcurrency
    pthread_setschedparam pthread_setschedprio pthread_setspecific pthread_sigmask pthread_spin_destroy
    pthread_spin_init pthread_spin_lock pthread_spin_trylock pthread_spin_unlock pthread_testcancel ptsname
    putc_unlocked putchar_unlocked putenv pututxline pwrite qsort_r rand_r random read readdir readdir_r readlink
    readlinkat readv reallocarray realpath recv recvfrom recvmsg regcomp regerror regexec regfree remque renameat
    rewinddir rindex rmdir scandir sched_get_priority_max sched_get_priority_min sched_getparam sched_getscheduler
    sched_rr_get_interval sched_setparam sched_setscheduler sched_yield secure_getenv seed48 seekdir select
    sem_clockwait sem_close sem_destroy sem_getvalue sem_init sem_open sem_post sem_timedwait sem_trywait sem_unlink
    sem_wait semctl semget semop send sendmsg sendto setcontext setegid setenv seteuid setgid setgrent sethostent
    setitimer setlogmask setnetent setpgid setpgrp setpriority setprotoent setpwent setregid setresgid setresuid
    setreuid setrlimit setservent setsid setsockopt setstate setuid setutxent shm_open shm_unlink shmat shmctl shmdt
    shmget shutdown sig2str sigaction sigaddset sigaltstack sigdelset sigemptyset sigfillset sighold sigignore
    siginterrupt sigismember siglongjmp sigpause sigpending sigprocmask sigqueue sigrelse sigset sigsuspend
    sigtimedwait sigwait sigwaitinfo sleep sockatmark socket socketpair srand48 srandom stat statvfs stpcpy stpncpy
    str2sig strcasecmp strcasecmp_l strcoll_l strerror_l strerror_r strfmon strfmon_l strftime_l strlcat strlcpy
    strncasecmp strncasecmp_l strnlen strptime strsignal strtok_r strxfrm_l swab swapcontext symlink symlinkat sync
    sysconf syslog tcdrain tcflow tcflush tcgetattr tcgetpgrp tcgetsid tcgetwinsize tcsendbreak tcsetattr tcsetpgrp
    tcsetwinsize tdelete telldir tempnam textdomain tfind timer_create timer_delete timer_getoverrun timer_gettime
    timer_settime times toascii tolower_l toupper_l towctrans_l towlower_l towupper_l truncate tsearch ttyname
    ttyname_r twalk tzset ualarm ulimit umask uname unlink unlinkat unlockpt unsetenv uselocale usleep utime
    utimensat utimes vasprintf vdprintf vfork wait waitid waitpid wcpcpy wcpncpy wcscasecmp wcscasecmp_l wcscoll_l
    wcsdup wcslcat wcslcpy wcsncasecmp wcsncasecmp_l wcsnlen wcsnrtombs wcswcs wcswidth wcsxfrm_l wctrans_l wctype_l
    wcwidth wordexp wordfree write writev
"""

EXTENSIONS = """
    acct addseverity adjtime alloca arc4random arc4random_buf arc4random_uniform basename_r bindresvport
    bindresvport6 brk cfmakeraw cfsetspeed chroot clearenv clearerr_unlocked closefrom crypt daemon drand48_r dysize
    ecvt_r endnetgrent endrpcent endusershell epoll_create epoll_ctl epoll_wait erand48_r err error errx eventfd
    explicit_bzero fallocate fcvt_r feof_unlocked ferror_unlocked fflush_unlocked ffsl ffsll fgetc_unlocked
    fgetgrent fgetgrent_r fgetpwent fgetpwent_r fileno_unlocked flock fputc_unlocked fread_unlocked futimes
    fwrite_unlocked getdirentries getdomainname getdtablesize getgrouplist gethostbyaddr_r gethostbyname2
    gethostbyname2_r gethostbyname_r gethostent_r getloadavg getnetbyaddr_r getnetbyname_r getnetent_r getnetgrent
    getnetgrent_r getpagesize getpass getprotobyname_r getprotobynumber_r getprotoent_r getpwent_r getrpcbyname
    getrpcbyname_r getrpcbynumber getrpcbynumber_r getrpcent getrpcent_r getservbyname_r getservbyport_r
    getservent_r gettid getusershell getw gsignal herror hstrerror inet_aton inet_net_ntop inet_net_pton inet_neta
    inet_nsap_addr inet_nsap_ntoa initgroups initstate_r innetgr inotify_init ioctl iruserok iruserok_af isfdtype
    jrand48_r kevent kqueue lchmod lcong48_r lgammaf_r lgammal_r lrand48_r lutimes madvise mempcpy memrchr memset_s
    mincore mkstemps mount mrand48_r nrand48_r on_exit preadv profil putpwent putw pwritev qecvt qecvt_r qfcvt
    qfcvt_r qgcvt qsort_s random_r rawmemchr rcmd rcmd_af revoke rexec rexec_af rpmatch rresvport rresvport_af
    ruserok ruserok_af sbrk seed48_r sendfile setbuffer setdomainname setgroups sethostid sethostname setlinebuf
    setlogin setnetgrent setrpcent setstate_r settimeofday setusershell sigblock siggetmask sigreturn sigsetmask
    sigstack splice srand48_r srandom_r ssignal statx strcasestr strchrnul strnstr strsep strtonum strtoq strtouq
    strverscmp syscall sysctl sysinfo tee timelocal tmpnam_r ttyslot umount valloc verr vhangup vsyslog vwarn wait3
    wait4 warn warnx
"""

EXTENSION_MACROS = """
    ACCESSPERMS ALLPERMS BIG_ENDIAN BYTE_ORDER CBAUD CBAUDEX CBRK CCEQ CDISCARD CDSUSP CEOF CEOL CEOT CERASE CFLUSH
    CIBAUD CINTR CKILL CLNEXT CMIN CMSPAR CQUIT CREPRINT CRPRNT CRTSCTS CSTART CSTATUS CSTOP CSUSP CTIME CTRL
    CWERASE DEFFILEMODE DTTOIF DT_BLK DT_CHR DT_DIR DT_FIFO DT_LNK DT_REG DT_SOCK DT_UNKNOWN DT_WHT ECHOCTL ECHOKE
    ECHOPRT EXTA EXTB EXTPROC FAPPEND FASYNC FFSYNC FIOGETOWN FIOSETOWN FLUSHO FNDELAY FNONBLOCK GLOB_ALTDIRFUNC
    GLOB_BRACE GLOB_MAGCHAR GLOB_NOMAGIC GLOB_ONLYDIR GLOB_TILDE GLOB_TILDE_CHECK GROUP_FILTER_SIZE HOST_NOT_FOUND
    IFF_ALLMULTI IFF_AUTOMEDIA IFF_BROADCAST IFF_DEBUG IFF_DYNAMIC IFF_LOOPBACK IFF_MASTER IFF_MULTICAST IFF_NOARP
    IFF_NOTRAILERS IFF_POINTOPOINT IFF_PORTSEL IFF_PROMISC IFF_RUNNING IFF_SLAVE IFF_UP IFHWADDRLEN IFNAMSIZ IFTODT
    IP_MSFILTER_SIZE LITTLE_ENDIAN LOCK_EX LOCK_NB LOCK_SH LOCK_UN L_INCR L_SET L_XTND MADV_COLD MADV_DODUMP
    MADV_DOFORK MADV_DONTDUMP MADV_DONTFORK MADV_DONTNEED MADV_DONTNEED_LOCKED MADV_FREE MADV_HUGEPAGE MADV_HWPOISON
    MADV_KEEPONFORK MADV_MERGEABLE MADV_NOHUGEPAGE MADV_NORMAL MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE
    MADV_RANDOM MADV_REMOVE MADV_SEQUENTIAL MADV_UNMERGEABLE MADV_WILLNEED MADV_WIPEONFORK MAP_32BIT MAP_ANON
    MAP_ANONYMOUS MAP_DENYWRITE MAP_EXECUTABLE MAP_FILE MAP_FIXED_NOREPLACE MAP_GROWSDOWN MAP_HUGETLB MAP_HUGE_MASK
    MAP_HUGE_SHIFT MAP_LOCKED MAP_NONBLOCK MAP_NORESERVE MAP_POPULATE MAP_SHARED_VALIDATE MAP_STACK MAP_SYNC
    MAP_TYPE MAXNAMLEN MCAST_BLOCK_SOURCE MCAST_EXCLUDE MCAST_INCLUDE MCAST_JOIN_GROUP MCAST_JOIN_SOURCE_GROUP
    MCAST_LEAVE_GROUP MCAST_LEAVE_SOURCE_GROUP MCAST_MSFILTER MCAST_UNBLOCK_SOURCE MSG_INFO MSG_STAT MSG_STAT_ANY
    NETDB_INTERNAL NETDB_SUCCESS NFDBITS NGREG NI_MAXHOST NI_MAXSERV NO_ADDRESS NO_DATA NO_RECOVERY NSIG
    NSS_BUFLEN_GROUP NSS_BUFLEN_PASSWD PDP_ENDIAN PENDIN SA_INTERRUPT SA_NOMASK SA_ONESHOT SA_STACK SCM_TIMESTAMP
    SCM_TIMESTAMPING SCM_TIMESTAMPING_OPT_STATS SCM_TIMESTAMPING_PKTINFO SCM_TIMESTAMPNS SCM_TXTIME SCM_WIFI_STATUS
    SEM_INFO SEM_STAT SEM_STAT_ANY SHM_DEST SHM_HUGETLB SHM_INFO SHM_LOCKED SHM_NORESERVE SHM_STAT SHM_STAT_ANY
    SIOCATMARK SIOCGPGRP SIOCGSTAMPNS_OLD SIOCGSTAMP_OLD SIOCSPGRP SOL_TCP SO_ATTACH_BPF SO_ATTACH_FILTER
    SO_ATTACH_REUSEPORT_CBPF SO_ATTACH_REUSEPORT_EBPF SO_BINDTODEVICE SO_BINDTOIFINDEX SO_BPF_EXTENSIONS
    SO_BSDCOMPAT SO_BUF_LOCK SO_BUSY_POLL SO_BUSY_POLL_BUDGET SO_CNX_ADVICE SO_COOKIE SO_DETACH_BPF SO_DETACH_FILTER
    SO_DETACH_REUSEPORT_BPF SO_DOMAIN SO_GET_FILTER SO_INCOMING_CPU SO_INCOMING_NAPI_ID SO_LOCK_FILTER SO_MARK
    SO_MAX_PACING_RATE SO_MEMINFO SO_NETNS_COOKIE SO_NOFCS SO_NO_CHECK SO_PASSCRED SO_PASSSEC SO_PEEK_OFF
    SO_PEERCRED SO_PEERGROUPS SO_PEERNAME SO_PEERSEC SO_PREFER_BUSY_POLL SO_PRIORITY SO_PROTOCOL SO_RCVBUFFORCE
    SO_RCVMARK SO_RCVTIMEO_NEW SO_RCVTIMEO_OLD SO_RESERVE_MEM SO_REUSEPORT SO_RXQ_OVFL SO_SECURITY_AUTHENTICATION
    SO_SECURITY_ENCRYPTION_NETWORK SO_SECURITY_ENCRYPTION_TRANSPORT SO_SELECT_ERR_QUEUE SO_SNDBUFFORCE
    SO_SNDTIMEO_NEW SO_SNDTIMEO_OLD SO_TIMESTAMPING_NEW SO_TIMESTAMPING_OLD SO_TIMESTAMPNS_NEW SO_TIMESTAMPNS_OLD
    SO_TIMESTAMP_NEW SO_TIMESTAMP_OLD SO_TXREHASH SO_TXTIME SO_WIFI_STATUS SO_ZEROCOPY SUN_LEN SYS_NMLN S_BLKSIZE
    S_IEXEC S_IREAD S_IWRITE TCPI_OPT_ECN TCPI_OPT_ECN_SEEN TCPI_OPT_SACK TCPI_OPT_SYN_DATA TCPI_OPT_TIMESTAMPS
    TCPI_OPT_WSCALE TCPOLEN_MAXSEG TCPOLEN_SACK_PERMITTED TCPOLEN_TIMESTAMP TCPOLEN_TSTAMP_APPA TCPOLEN_WINDOW
    TCPOPT_EOL TCPOPT_MAXSEG TCPOPT_NOP TCPOPT_SACK TCPOPT_SACK_PERMITTED TCPOPT_TIMESTAMP TCPOPT_TSTAMP_HDR
    TCPOPT_WINDOW TCP_COOKIE_IN_ALWAYS TCP_COOKIE_MAX TCP_COOKIE_MIN TCP_COOKIE_OUT_NEVER TCP_COOKIE_PAIR_SIZE
    TCP_MAXWIN TCP_MAX_WINSHIFT TCP_MD5SIG_FLAG_PREFIX TCP_MD5SIG_MAXKEYLEN TCP_MSS TCP_MSS_DEFAULT TCP_MSS_DESIRED
    TCP_S_DATA_IN TCP_S_DATA_OUT TH_ACK TH_FIN TH_PUSH TH_RST TH_SYN TH_URG TIOCSER_TEMT TRY_AGAIN TTYDEF_CFLAG
    TTYDEF_IFLAG TTYDEF_LFLAG TTYDEF_OFLAG TTYDEF_SPEED WAIT_ANY WAIT_MYPGRP WCOREDUMP WCOREFLAG W_EXITCODE
    W_STOPCODE XCASE XTABS assert_perror f32add f32div f32fma f32mul f32sqrt f32sub f32xadd f32xdiv f32xfma f32xmul
    f32xsqrt f32xsub f64add f64div f64fma f64mul f64sqrt f64sub f64xadd f64xdiv f64xfma f64xmul f64xsqrt f64xsub
    fmaxmag fminmag h_addr ifa_broadaddr ifa_dstaddr ifc_buf ifc_req ifr_addr ifr_bandwidth ifr_broadaddr ifr_data
    ifr_dstaddr ifr_flags ifr_hwaddr ifr_ifindex ifr_map ifr_metric ifr_mtu ifr_name ifr_netmask ifr_newname
    ifr_qlen ifr_slave isascii_l msg_cbytes pthread_cleanup_pop_restore_np pthread_cleanup_push_defer_np s6_addr16
    s6_addr32 sigmask strdupa strndupa timeradd timerclear timercmp timerisset timersub toascii_l
"""

VARIABLES = """
    daylight environ errno getdate_err h_errno in6addr_any in6addr_loopback optarg opterr optind optopt
    program_invocation_name signgam stderr stdin stdout sys_errlist sys_nerr timezone tzname
"""

MACROS = """
    BOOL_MAX BOOL_WIDTH BUFSIZ CHAR_BIT CHAR_MAX CHAR_MIN CHAR_WIDTH CLOCKS_PER_SEC CMPLX CMPLXF CMPLXL DECIMAL_DIG
    DEC_EVAL_METHOD DEC_INFINITY DEC_NAN E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EADV EAFNOSUPPORT EAGAIN EALREADY
    EBADE EBADF EBADFD EBADMSG EBADR EBADRQC EBADSLT EBFONT EBUSY ECANCELED ECHILD ECHRNG ECOMM ECONNABORTED
    ECONNREFUSED ECONNRESET EDEADLK EDEADLOCK EDESTADDRREQ EDOM EDOTDOT EDQUOT EEXIST EFAULT EFBIG EHOSTDOWN
    EHOSTUNREACH EHWPOISON EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR EISNAM EKEYEXPIRED EKEYREJECTED
    EKEYREVOKED EL2HLT EL2NSYNC EL3HLT EL3RST ELIBACC ELIBBAD ELIBEXEC ELIBMAX ELIBSCN ELNRNG ELOOP EMEDIUMTYPE
    EMFILE EMLINK EMSGSIZE EMULTIHOP ENAMETOOLONG ENAVAIL ENETDOWN ENETRESET ENETUNREACH ENFILE ENOANO ENOBUFS
    ENOCSI ENODATA ENODEV ENOENT ENOEXEC ENOKEY ENOLCK ENOLINK ENOMEDIUM ENOMEM ENOMSG ENONET ENOPKG ENOPROTOOPT
    ENOSPC ENOSR ENOSTR ENOSYS ENOTBLK ENOTCONN ENOTDIR ENOTEMPTY ENOTNAM ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY
    ENOTUNIQ ENXIO EOF EOPNOTSUPP EOVERFLOW EOWNERDEAD EPERM EPFNOSUPPORT EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE
    ERANGE EREMCHG EREMOTE EREMOTEIO ERESTART ERFKILL EROFS ESHUTDOWN ESOCKTNOSUPPORT ESPIPE ESRCH ESRMNT ESTALE
    ESTRPIPE ETIME ETIMEDOUT ETOOMANYREFS ETXTBSY EUCLEAN EUNATCH EUSERS EWOULDBLOCK EXDEV EXFULL EXIT_FAILURE
    EXIT_SUCCESS FILENAME_MAX FOPEN_MAX HUGE_VAL HUGE_VALF HUGE_VALL I INFINITY INT_MAX INT_MIN INT_WIDTH LC_ADDRESS
    LC_ALL LC_COLLATE LC_CTYPE LC_IDENTIFICATION LC_MEASUREMENT LC_MESSAGES LC_MONETARY LC_NAME LC_NUMERIC LC_PAPER
    LC_TELEPHONE LC_TIME LLONG_MAX LLONG_MIN LLONG_WIDTH LONG_MAX LONG_MIN LONG_WIDTH L_tmpnam MATH_ERREXCEPT
    MATH_ERRNO MB_CUR_MAX MB_LEN_MAX NAN NULL ONCE_FLAG_INIT PTRDIFF_MAX PTRDIFF_MIN PTRDIFF_WIDTH RAND_MAX
    SCHAR_MAX SCHAR_MIN SCHAR_WIDTH SEEK_CUR SEEK_END SEEK_SET SHRT_MAX SHRT_MIN SHRT_WIDTH SIGABRT SIGALRM SIGBUS
    SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT
    SIGRTMAX SIGRTMIN SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1
    SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SIG_ATOMIC_MAX SIG_ATOMIC_MIN SIG_ATOMIC_WIDTH SIG_DFL SIG_ERR
    SIG_IGN SIZE_MAX SIZE_WIDTH TIME_UTC TMP_MAX TSS_DTOR_ITERATIONS UCHAR_MAX UCHAR_WIDTH UINT_MAX UINT_WIDTH
    ULLONG_MAX ULLONG_WIDTH ULONG_MAX ULONG_WIDTH USHRT_MAX USHRT_WIDTH WCHAR_MAX WCHAR_MIN WCHAR_WIDTH WEOF
    WINT_MAX WINT_MIN WINT_WIDTH fpclassify iscanonical iseqsig isfinite isgreater isgreaterequal isless islessequal
    islessgreater isnormal issignaling issubnormal isunordered iszero math_errhandling noreturn signbit
"""

POSIX_MACROS = """
    ABDAY_1 ABDAY_2 ABDAY_3 ABDAY_4 ABDAY_5 ABDAY_6 ABDAY_7 ABMON_1 ABMON_10 ABMON_11 ABMON_12 ABMON_2 ABMON_3
    ABMON_4 ABMON_5 ABMON_6 ABMON_7 ABMON_8 ABMON_9 AF_ALG AF_APPLETALK AF_ASH AF_ATMPVC AF_ATMSVC AF_AX25
    AF_BLUETOOTH AF_BRIDGE AF_CAIF AF_CAN AF_DECnet AF_ECONET AF_FILE AF_IB AF_IEEE802154 AF_INET AF_INET6 AF_IPX
    AF_IRDA AF_ISDN AF_IUCV AF_KCM AF_KEY AF_LLC AF_LOCAL AF_MAX AF_MCTP AF_MPLS AF_NETBEUI AF_NETLINK AF_NETROM
    AF_NFC AF_PACKET AF_PHONET AF_PPPOX AF_QIPCRTR AF_RDS AF_ROSE AF_ROUTE AF_RXRPC AF_SECURITY AF_SMC AF_SNA
    AF_TIPC AF_UNIX AF_UNSPEC AF_VSOCK AF_WANPIPE AF_X25 AF_XDP AIO_ALLDONE AIO_CANCELED AIO_NOTCANCELED
    AIO_PRIO_DELTA_MAX AI_ADDRCONFIG AI_ALL AI_CANONNAME AI_NUMERICHOST AI_NUMERICSERV AI_PASSIVE AI_V4MAPPED
    ALT_DIGITS AM_STR AREGTYPE AT_EACCESS AT_FDCWD AT_REMOVEDIR AT_SYMLINK_FOLLOW AT_SYMLINK_NOFOLLOW B0 B1000000
    B110 B115200 B1152000 B1200 B134 B150 B1500000 B1800 B19200 B200 B2000000 B230400 B2400 B2500000 B300 B3000000
    B3500000 B38400 B4000000 B460800 B4800 B50 B500000 B57600 B576000 B600 B75 B921600 B9600 BC_BASE_MAX BC_DIM_MAX
    BC_SCALE_MAX BC_STRING_MAX BLKTYPE BOOT_TIME BRKINT BS0 BS1 BSDLY BUS_ADRALN BUS_ADRERR BUS_MCEERR_AO
    BUS_MCEERR_AR BUS_OBJERR CHARCLASS_NAME_MAX CHRTYPE CLD_CONTINUED CLD_DUMPED CLD_EXITED CLD_KILLED CLD_STOPPED
    CLD_TRAPPED CLOCAL CLOCK_BOOTTIME CLOCK_BOOTTIME_ALARM CLOCK_MONOTONIC CLOCK_MONOTONIC_COARSE
    CLOCK_MONOTONIC_RAW CLOCK_PROCESS_CPUTIME_ID CLOCK_REALTIME CLOCK_REALTIME_ALARM CLOCK_REALTIME_COARSE CLOCK_TAI
    CLOCK_THREAD_CPUTIME_ID CMSG_ALIGN CMSG_DATA CMSG_FIRSTHDR CMSG_LEN CMSG_NXTHDR CMSG_SPACE CODESET
    COLL_WEIGHTS_MAX CONTTYPE CR0 CR1 CR2 CR3 CRDLY CREAD CRNCYSTR CS5 CS6 CS7 CS8 CSIZE CSTOPB C_IRGRP C_IROTH
    C_IRUSR C_ISBLK C_ISCHR C_ISCTG C_ISDIR C_ISFIFO C_ISGID C_ISLNK C_ISREG C_ISSOCK C_ISUID C_ISVTX C_IWGRP
    C_IWOTH C_IWUSR C_IXGRP C_IXOTH C_IXUSR DAY_1 DAY_2 DAY_3 DAY_4 DAY_5 DAY_6 DAY_7 DEAD_PROCESS DELAYTIMER_MAX
    DIRTYPE D_FMT D_T_FMT EAI_AGAIN EAI_BADFLAGS EAI_FAIL EAI_FAMILY EAI_MEMORY EAI_NONAME EAI_OVERFLOW EAI_SERVICE
    EAI_SOCKTYPE EAI_SYSTEM ECHO ECHOE ECHOK ECHONL EMPTY ERA ERA_D_FMT ERA_D_T_FMT ERA_T_FMT EXPR_NEST_MAX
    FD_CLOEXEC FD_CLR FD_ISSET FD_SET FD_SETSIZE FD_ZERO FF0 FF1 FFDLY FIFOTYPE FNM_NOESCAPE FNM_NOMATCH FNM_NOSYS
    FNM_PATHNAME FNM_PERIOD FPE_CONDTRAP FPE_FLTDIV FPE_FLTINV FPE_FLTOVF FPE_FLTRES FPE_FLTSUB FPE_FLTUND
    FPE_FLTUNK FPE_INTDIV FPE_INTOVF FTW_CHDIR FTW_D FTW_DEPTH FTW_DNR FTW_DP FTW_F FTW_MOUNT FTW_NS FTW_PHYS FTW_SL
    FTW_SLN F_DUPFD F_DUPFD_CLOEXEC F_EXLCK F_GETFD F_GETFL F_GETLK F_GETLK64 F_GETOWN F_LOCK F_OK F_RDLCK F_SETFD
    F_SETFL F_SETLK F_SETLK64 F_SETLKW F_SETLKW64 F_SETOWN F_SHLCK F_TEST F_TLOCK F_ULOCK F_UNLCK F_WRLCK GETALL
    GETNCNT GETPID GETVAL GETZCNT GLOB_ABORTED GLOB_APPEND GLOB_DOOFFS GLOB_ERR GLOB_MARK GLOB_NOCHECK GLOB_NOESCAPE
    GLOB_NOMATCH GLOB_NOSORT GLOB_NOSPACE GLOB_NOSYS GLOB_PERIOD HOST_NAME_MAX HUPCL ICANON ICRNL IEXTEN IF_NAMESIZE
    IGNBRK IGNCR IGNPAR ILL_BADIADDR ILL_BADSTK ILL_COPROC ILL_ILLADR ILL_ILLOPC ILL_ILLOPN ILL_ILLTRP ILL_PRVOPC
    ILL_PRVREG IMAXBEL IN6ADDR_ANY_INIT IN6ADDR_LOOPBACK_INIT IN6_ARE_ADDR_EQUAL IN6_IS_ADDR_LINKLOCAL
    IN6_IS_ADDR_LOOPBACK IN6_IS_ADDR_MC_GLOBAL IN6_IS_ADDR_MC_LINKLOCAL IN6_IS_ADDR_MC_NODELOCAL
    IN6_IS_ADDR_MC_ORGLOCAL IN6_IS_ADDR_MC_SITELOCAL IN6_IS_ADDR_MULTICAST IN6_IS_ADDR_SITELOCAL
    IN6_IS_ADDR_UNSPECIFIED IN6_IS_ADDR_V4COMPAT IN6_IS_ADDR_V4MAPPED INADDR_ALLHOSTS_GROUP INADDR_ALLRTRS_GROUP
    INADDR_ALLSNOOPERS_GROUP INADDR_ANY INADDR_BROADCAST INADDR_DUMMY INADDR_LOOPBACK INADDR_MAX_LOCAL_GROUP
    INADDR_NONE INADDR_UNSPEC_GROUP INET6_ADDRSTRLEN INET_ADDRSTRLEN INIT_PROCESS INLCR INPCK IN_BADCLASS IN_CLASSA
    IN_CLASSA_HOST IN_CLASSA_MAX IN_CLASSA_NET IN_CLASSA_NSHIFT IN_CLASSB IN_CLASSB_HOST IN_CLASSB_MAX IN_CLASSB_NET
    IN_CLASSB_NSHIFT IN_CLASSC IN_CLASSC_HOST IN_CLASSC_NET IN_CLASSC_NSHIFT IN_CLASSD IN_EXPERIMENTAL
    IN_LOOPBACKNET IN_MULTICAST IOV_MAX IPC_CREAT IPC_EXCL IPC_NOWAIT IPC_PRIVATE IPC_RMID IPC_SET IPC_STAT
    IPPORT_RESERVED IPPROTO_AH IPPROTO_BEETPH IPPROTO_COMP IPPROTO_DCCP IPPROTO_DSTOPTS IPPROTO_EGP IPPROTO_ENCAP
    IPPROTO_ESP IPPROTO_ETHERNET IPPROTO_FRAGMENT IPPROTO_GRE IPPROTO_HOPOPTS IPPROTO_ICMP IPPROTO_ICMPV6
    IPPROTO_IDP IPPROTO_IGMP IPPROTO_IP IPPROTO_IPIP IPPROTO_IPV6 IPPROTO_MH IPPROTO_MPLS IPPROTO_MPTCP IPPROTO_MTP
    IPPROTO_NONE IPPROTO_PIM IPPROTO_PUP IPPROTO_RAW IPPROTO_ROUTING IPPROTO_RSVP IPPROTO_SCTP IPPROTO_TCP
    IPPROTO_TP IPPROTO_UDP IPPROTO_UDPLITE IPV6_2292DSTOPTS IPV6_2292HOPLIMIT IPV6_2292HOPOPTS IPV6_2292PKTINFO
    IPV6_2292PKTOPTIONS IPV6_2292RTHDR IPV6_ADDRFORM IPV6_ADDR_PREFERENCES IPV6_ADD_MEMBERSHIP IPV6_AUTHHDR
    IPV6_AUTOFLOWLABEL IPV6_CHECKSUM IPV6_DONTFRAG IPV6_DROP_MEMBERSHIP IPV6_DSTOPTS IPV6_FREEBIND IPV6_HDRINCL
    IPV6_HOPLIMIT IPV6_HOPOPTS IPV6_IPSEC_POLICY IPV6_JOIN_ANYCAST IPV6_JOIN_GROUP IPV6_LEAVE_ANYCAST
    IPV6_LEAVE_GROUP IPV6_MINHOPCOUNT IPV6_MTU IPV6_MTU_DISCOVER IPV6_MULTICAST_ALL IPV6_MULTICAST_HOPS
    IPV6_MULTICAST_IF IPV6_MULTICAST_LOOP IPV6_NEXTHOP IPV6_ORIGDSTADDR IPV6_PATHMTU IPV6_PKTINFO IPV6_PMTUDISC_DO
    IPV6_PMTUDISC_DONT IPV6_PMTUDISC_INTERFACE IPV6_PMTUDISC_OMIT IPV6_PMTUDISC_PROBE IPV6_PMTUDISC_WANT
    IPV6_RECVDSTOPTS IPV6_RECVERR IPV6_RECVERR_RFC4884 IPV6_RECVFRAGSIZE IPV6_RECVHOPLIMIT IPV6_RECVHOPOPTS
    IPV6_RECVORIGDSTADDR IPV6_RECVPATHMTU IPV6_RECVPKTINFO IPV6_RECVRTHDR IPV6_RECVTCLASS IPV6_ROUTER_ALERT
    IPV6_ROUTER_ALERT_ISOLATE IPV6_RTHDR IPV6_RTHDRDSTOPTS IPV6_RTHDR_LOOSE IPV6_RTHDR_STRICT IPV6_RTHDR_TYPE_0
    IPV6_RXDSTOPTS IPV6_RXHOPOPTS IPV6_TCLASS IPV6_TRANSPARENT IPV6_UNICAST_HOPS IPV6_UNICAST_IF IPV6_V6ONLY
    IPV6_XFRM_POLICY IP_ADD_MEMBERSHIP IP_ADD_SOURCE_MEMBERSHIP IP_BIND_ADDRESS_NO_PORT IP_BLOCK_SOURCE IP_CHECKSUM
    IP_DEFAULT_MULTICAST_LOOP IP_DEFAULT_MULTICAST_TTL IP_DROP_MEMBERSHIP IP_DROP_SOURCE_MEMBERSHIP IP_FREEBIND
    IP_HDRINCL IP_IPSEC_POLICY IP_MAX_MEMBERSHIPS IP_MINTTL IP_MSFILTER IP_MTU IP_MTU_DISCOVER IP_MULTICAST_ALL
    IP_MULTICAST_IF IP_MULTICAST_LOOP IP_MULTICAST_TTL IP_NODEFRAG IP_OPTIONS IP_ORIGDSTADDR IP_PASSSEC IP_PKTINFO
    IP_PKTOPTIONS IP_PMTUDISC IP_PMTUDISC_DO IP_PMTUDISC_DONT IP_PMTUDISC_INTERFACE IP_PMTUDISC_OMIT
    IP_PMTUDISC_PROBE IP_PMTUDISC_WANT IP_RECVERR IP_RECVERR_RFC4884 IP_RECVFRAGSIZE IP_RECVOPTS IP_RECVORIGDSTADDR
    IP_RECVRETOPTS IP_RECVTOS IP_RECVTTL IP_RETOPTS IP_ROUTER_ALERT IP_TOS IP_TRANSPARENT IP_TTL IP_UNBLOCK_SOURCE
    IP_UNICAST_IF IP_XFRM_POLICY ISIG ISTRIP ITIMER_PROF ITIMER_REAL ITIMER_VIRTUAL IUCLC IUTF8 IXANY IXOFF IXON
    LC_ADDRESS_MASK LC_ALL_MASK LC_COLLATE_MASK LC_CTYPE_MASK LC_GLOBAL_LOCALE LC_IDENTIFICATION_MASK
    LC_MEASUREMENT_MASK LC_MESSAGES_MASK LC_MONETARY_MASK LC_NAME_MASK LC_NUMERIC_MASK LC_PAPER_MASK
    LC_TELEPHONE_MASK LC_TIME_MASK LINE_MAX LIO_NOP LIO_NOWAIT LIO_READ LIO_WAIT LIO_WRITE LNKTYPE LOGIN_NAME_MAX
    LOGIN_PROCESS LOG_ALERT LOG_AUTH LOG_AUTHPRIV LOG_CONS LOG_CRIT LOG_CRON LOG_DAEMON LOG_DEBUG LOG_EMERG LOG_ERR
    LOG_FAC LOG_FACMASK LOG_FTP LOG_INFO LOG_KERN LOG_LOCAL0 LOG_LOCAL1 LOG_LOCAL2 LOG_LOCAL3 LOG_LOCAL4 LOG_LOCAL5
    LOG_LOCAL6 LOG_LOCAL7 LOG_LPR LOG_MAIL LOG_MAKEPRI LOG_MASK LOG_NDELAY LOG_NEWS LOG_NFACILITIES LOG_NOTICE
    LOG_NOWAIT LOG_ODELAY LOG_PERROR LOG_PID LOG_PRI LOG_PRIMASK LOG_SYSLOG LOG_UPTO LOG_USER LOG_UUCP LOG_WARNING
    LONG_BIT L_ctermid MAGIC MAP_FAILED MAP_FIXED MAP_PRIVATE MAP_SHARED MAXFLOAT MAX_CANON MAX_INPUT MCL_CURRENT
    MCL_FUTURE MCL_ONFAULT MINSIGSTKSZ MM_APPL MM_CONSOLE MM_ERROR MM_FIRM MM_HALT MM_HARD MM_INFO MM_NOCON MM_NOMSG
    MM_NOSEV MM_NOTOK MM_NRECOV MM_NULLACT MM_NULLLBL MM_NULLMC MM_NULLSEV MM_NULLTAG MM_NULLTXT MM_OK MM_OPSYS
    MM_PRINT MM_RECOVER MM_SOFT MM_UTIL MM_WARNING MON_1 MON_10 MON_11 MON_12 MON_2 MON_3 MON_4 MON_5 MON_6 MON_7
    MON_8 MON_9 MQ_PRIO_MAX MSG_BATCH MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_CTRUNC MSG_DONTROUTE MSG_DONTWAIT MSG_EOR
    MSG_ERRQUEUE MSG_FASTOPEN MSG_FIN MSG_MORE MSG_NOERROR MSG_NOSIGNAL MSG_OOB MSG_PEEK MSG_PROXY MSG_RST MSG_SYN
    MSG_TRUNC MSG_WAITALL MSG_WAITFORONE MSG_ZEROCOPY MS_ASYNC MS_INVALIDATE MS_SYNC M_1_PI M_2_PI M_2_SQRTPI M_E
    M_LN10 M_LN2 M_LOG10E M_LOG2E M_PI M_PI_2 M_PI_4 M_SQRT1_2 M_SQRT2 NAME_MAX NCCS NEW_TIME NGROUPS_MAX NI_DGRAM
    NI_NAMEREQD NI_NOFQDN NI_NUMERICHOST NI_NUMERICSERV NL0 NL1 NLDLY NL_ARGMAX NL_CAT_LOCALE NL_LANGMAX NL_MSGMAX
    NL_SETD NL_SETMAX NL_TEXTMAX NOEXPR NOFLSH NZERO OCRNL OFDEL OFILL OLCUC OLD_TIME ONLCR ONLRET ONOCR OPOST
    O_ACCMODE O_APPEND O_ASYNC O_CLOEXEC O_CREAT O_DIRECTORY O_DSYNC O_EXCL O_FSYNC O_NDELAY O_NOCTTY O_NOFOLLOW
    O_NONBLOCK O_RDONLY O_RDWR O_RSYNC O_SYNC O_TRUNC O_WRONLY PARENB PARMRK PARODD PATH_MAX PF_ALG PF_APPLETALK
    PF_ASH PF_ATMPVC PF_ATMSVC PF_AX25 PF_BLUETOOTH PF_BRIDGE PF_CAIF PF_CAN PF_DECnet PF_ECONET PF_FILE PF_IB
    PF_IEEE802154 PF_INET PF_INET6 PF_IPX PF_IRDA PF_ISDN PF_IUCV PF_KCM PF_KEY PF_LLC PF_LOCAL PF_MAX PF_MCTP
    PF_MPLS PF_NETBEUI PF_NETLINK PF_NETROM PF_NFC PF_PACKET PF_PHONET PF_PPPOX PF_QIPCRTR PF_RDS PF_ROSE PF_ROUTE
    PF_RXRPC PF_SECURITY PF_SMC PF_SNA PF_TIPC PF_UNIX PF_UNSPEC PF_VSOCK PF_WANPIPE PF_X25 PF_XDP PIPE_BUF PM_STR
    POLLERR POLLHUP POLLIN POLLNVAL POLLOUT POLLPRI POLLRDBAND POLLRDNORM POLLWRBAND POLLWRNORM POLL_ERR POLL_HUP
    POLL_IN POLL_MSG POLL_OUT POLL_PRI POSIX_FADV_DONTNEED POSIX_FADV_NOREUSE POSIX_FADV_NORMAL POSIX_FADV_RANDOM
    POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED POSIX_MADV_DONTNEED POSIX_MADV_NORMAL POSIX_MADV_RANDOM
    POSIX_MADV_SEQUENTIAL POSIX_MADV_WILLNEED POSIX_SPAWN_RESETIDS POSIX_SPAWN_SETPGROUP POSIX_SPAWN_SETSCHEDPARAM
    POSIX_SPAWN_SETSCHEDULER POSIX_SPAWN_SETSIGDEF POSIX_SPAWN_SETSIGMASK PRIO_MAX PRIO_MIN PRIO_PGRP PRIO_PROCESS
    PRIO_USER PROT_EXEC PROT_GROWSDOWN PROT_GROWSUP PROT_NONE PROT_READ PROT_WRITE PTHREAD_BARRIER_SERIAL_THREAD
    PTHREAD_CANCELED PTHREAD_CANCEL_ASYNCHRONOUS PTHREAD_CANCEL_DEFERRED PTHREAD_CANCEL_DISABLE
    PTHREAD_CANCEL_ENABLE PTHREAD_COND_INITIALIZER PTHREAD_CREATE_DETACHED PTHREAD_CREATE_JOINABLE
    PTHREAD_DESTRUCTOR_ITERATIONS PTHREAD_EXPLICIT_SCHED PTHREAD_INHERIT_SCHED PTHREAD_KEYS_MAX
    PTHREAD_MUTEX_INITIALIZER PTHREAD_ONCE_INIT PTHREAD_PROCESS_PRIVATE PTHREAD_PROCESS_SHARED
    PTHREAD_RWLOCK_INITIALIZER PTHREAD_SCOPE_PROCESS PTHREAD_SCOPE_SYSTEM PTHREAD_STACK_MIN P_tmpdir RADIXCHAR
    REGTYPE REG_BADBR REG_BADPAT REG_BADRPT REG_EBRACE REG_EBRACK REG_ECOLLATE REG_ECTYPE REG_EEND REG_EESCAPE
    REG_ENOSYS REG_EPAREN REG_ERANGE REG_ERPAREN REG_ESIZE REG_ESPACE REG_ESUBREG REG_EXTENDED REG_ICASE REG_NEWLINE
    REG_NOERROR REG_NOMATCH REG_NOSUB REG_NOTBOL REG_NOTEOL REG_STARTEND RE_DUP_MAX RLIMIT_AS RLIMIT_CORE RLIMIT_CPU
    RLIMIT_DATA RLIMIT_FSIZE RLIMIT_LOCKS RLIMIT_MEMLOCK RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_NLIMITS RLIMIT_NOFILE
    RLIMIT_NPROC RLIMIT_OFILE RLIMIT_RSS RLIMIT_RTPRIO RLIMIT_RTTIME RLIMIT_SIGPENDING RLIMIT_STACK RLIM_INFINITY
    RLIM_NLIMITS RLIM_SAVED_CUR RLIM_SAVED_MAX RTLD_BINDING_MASK RTLD_DEEPBIND RTLD_DEFAULT RTLD_GLOBAL RTLD_LAZY
    RTLD_LOCAL RTLD_NEXT RTLD_NODELETE RTLD_NOLOAD RTLD_NOW RTSIG_MAX RUSAGE_CHILDREN RUSAGE_SELF R_OK SA_NOCLDSTOP
    SA_NOCLDWAIT SA_NODEFER SA_ONSTACK SA_RESETHAND SA_RESTART SA_SIGINFO SCHED_FIFO SCHED_OTHER SCHED_RR SCM_RIGHTS
    SCM_SRCRT SEGV_ACCADI SEGV_ACCERR SEGV_ADIDERR SEGV_ADIPERR SEGV_BNDERR SEGV_MAPERR SEGV_MTEAERR SEGV_MTESERR
    SEGV_PKUERR SEM_FAILED SEM_UNDO SEM_VALUE_MAX SETALL SETVAL SHMLBA SHM_EXEC SHM_LOCK SHM_R SHM_RDONLY SHM_REMAP
    SHM_RND SHM_UNLOCK SHM_W SHUT_RD SHUT_RDWR SHUT_WR SIGEV_NONE SIGEV_SIGNAL SIGEV_THREAD SIGEV_THREAD_ID SIGSTKSZ
    SIG_BLOCK SIG_HOLD SIG_SETMASK SIG_UNBLOCK SI_ASYNCIO SI_ASYNCNL SI_DETHREAD SI_KERNEL SI_MESGQ SI_QUEUE
    SI_SIGIO SI_TIMER SI_TKILL SI_USER SOCK_CLOEXEC SOCK_DCCP SOCK_DGRAM SOCK_NONBLOCK SOCK_PACKET SOCK_RAW SOCK_RDM
    SOCK_SEQPACKET SOCK_STREAM SOL_AAL SOL_ALG SOL_ATM SOL_BLUETOOTH SOL_CAIF SOL_DCCP SOL_DECNET SOL_ICMPV6 SOL_IP
    SOL_IPV6 SOL_IRDA SOL_IUCV SOL_KCM SOL_LLC SOL_MCTP SOL_MPTCP SOL_NETBEUI SOL_NETLINK SOL_NFC SOL_PACKET
    SOL_PNPIPE SOL_PPPOL2TP SOL_RAW SOL_RDS SOL_RXRPC SOL_SMC SOL_SOCKET SOL_TIPC SOL_TLS SOL_X25 SOL_XDP SOMAXCONN
    SO_ACCEPTCONN SO_BROADCAST SO_DEBUG SO_DONTROUTE SO_ERROR SO_KEEPALIVE SO_LINGER SO_OOBINLINE SO_RCVBUF
    SO_RCVLOWAT SO_RCVTIMEO SO_REUSEADDR SO_SNDBUF SO_SNDLOWAT SO_SNDTIMEO SO_TIMESTAMP SO_TIMESTAMPING
    SO_TIMESTAMPNS SO_TYPE SSIZE_MAX SS_DISABLE SS_ONSTACK STDERR_FILENO STDIN_FILENO STDOUT_FILENO ST_NOSUID
    ST_RDONLY SYMTYPE S_IFBLK S_IFCHR S_IFDIR S_IFIFO S_IFLNK S_IFMT S_IFREG S_IFSOCK S_IRGRP S_IROTH S_IRUSR
    S_IRWXG S_IRWXO S_IRWXU S_ISBLK S_ISCHR S_ISDIR S_ISFIFO S_ISGID S_ISLNK S_ISREG S_ISSOCK S_ISUID S_ISVTX
    S_IWGRP S_IWOTH S_IWUSR S_IXGRP S_IXOTH S_IXUSR S_TYPEISMQ S_TYPEISSEM S_TYPEISSHM TAB0 TAB1 TAB2 TAB3 TABDLY
    TCIFLUSH TCIOFF TCIOFLUSH TCION TCOFLUSH TCOOFF TCOON TCP_CC_INFO TCP_CM_INQ TCP_CONGESTION
    TCP_COOKIE_TRANSACTIONS TCP_CORK TCP_DEFER_ACCEPT TCP_FASTOPEN TCP_FASTOPEN_CONNECT TCP_FASTOPEN_KEY
    TCP_FASTOPEN_NO_COOKIE TCP_INFO TCP_INQ TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL TCP_LINGER2 TCP_MAXSEG TCP_MD5SIG
    TCP_MD5SIG_EXT TCP_NODELAY TCP_NOTSENT_LOWAT TCP_QUEUE_SEQ TCP_QUICKACK TCP_REPAIR TCP_REPAIR_OFF
    TCP_REPAIR_OFF_NO_WP TCP_REPAIR_ON TCP_REPAIR_OPTIONS TCP_REPAIR_QUEUE TCP_REPAIR_WINDOW TCP_SAVED_SYN
    TCP_SAVE_SYN TCP_SYNCNT TCP_THIN_DUPACK TCP_THIN_LINEAR_TIMEOUTS TCP_TIMESTAMP TCP_TX_DELAY TCP_ULP
    TCP_USER_TIMEOUT TCP_WINDOW_CLAMP TCP_ZEROCOPY_RECEIVE TCSADRAIN TCSAFLUSH TCSANOW TGEXEC TGREAD TGWRITE THOUSEP
    TIMER_ABSTIME TMAGIC TMAGLEN TOEXEC TOREAD TOSTOP TOWRITE TRAP_BRANCH TRAP_BRKPT TRAP_HWBKPT TRAP_TRACE TRAP_UNK
    TSGID TSUID TSVTX TTY_NAME_MAX TUEXEC TUREAD TUWRITE TVERSION TVERSLEN T_FMT T_FMT_AMPM UIO_MAXIOV UL_GETFSIZE
    UL_SETFSIZE USER_PROCESS UTIME_NOW UTIME_OMIT VDISCARD VEOF VEOL VEOL2 VERASE VINTR VKILL VLNEXT VMIN VQUIT
    VREPRINT VSTART VSTOP VSUSP VSWTC VT0 VT1 VTDLY VTIME VWERASE WCONTINUED WEXITED WEXITSTATUS WIFCONTINUED
    WIFEXITED WIFSIGNALED WIFSTOPPED WNOHANG WNOWAIT WORD_BIT WSTOPPED WSTOPSIG WTERMSIG WUNTRACED W_OK
    XATTR_LIST_MAX XATTR_NAME_MAX XATTR_SIZE_MAX X_OK YESEXPR basename d_fileno pthread_cleanup_pop
    pthread_cleanup_push s6_addr sa_handler sa_sigaction sched_priority si_addr si_addr_lsb si_arch si_band
    si_call_addr si_fd si_int si_lower si_overrun si_pid si_pkey si_ptr si_status si_stime si_syscall si_timerid
    si_uid si_upper si_utime si_value sigev_notify_attributes sigev_notify_function sigsetjmp st_atime st_ctime
    st_mtime
"""

# Names of headers, of which a file NAME.h would take the place: of the standards, and of systems.
HEADERS = """
    acc_prof aio aliases alloca ar argp argz assert backtrace bits byteswap bzlib cet complex conio cpio cpuid crypt
    ctype curses cursesapp cursesf cursesm cursesp cursesw cursslk devctl direct dirent dlfcn elf endian envz err
    errno error eti etip execinfo expat expat_external fcntl features fenv float fmtmsg fnmatch form fstab fts ftw
    gconv gcov gcrypt getopt glob gmpxx gnumake grp gshadow heaptrack_api iconv idn2 ifaddrs inttypes io iso646
    jerror jmorecfg jpegint jpeglib langinfo lastlog libgen libintl libtasn1 limits link locale lzma magic malloc
    math mcheck memory menu mm3dnow mm_malloc mntent module monetary mqueue nc_tparm ncurses ncurses_dll ndbm netdb
    nl_types nss obstack omp openacc panel paths png pngconf pnglibconf poll printf proc_service process pthread pty
    pwd quadmath quadmath_weak re_comp regex regexp resolv sal sched search semaphore setjmp sgtty shadow signal
    spawn sqlite3 sqlite3ext stab stdalign stdarg stdatomic stdbit stdbool stdckdint stdcountof stddef stdfix stdint
    stdio stdio_ext stdlib stdmchar stdnoreturn string strings stropts syscall sysexits syslimits syslog tar term
    term_entry termcap termio termios tgmath thread_db threads tic time trace ttyent uchar ucontext ulimit unctrl
    unistd unwind utime utmp utmpx values varargs wait wchar wctype windows winsock2 wordexp yaml z3 z3_algebraic
    z3_api z3_ast_containers z3_fixedpoint z3_fpa z3_macros z3_optimization z3_polynomial z3_rcf z3_spacer z3_v1
    z3_version zconf zlib
"""
