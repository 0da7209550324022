; The pool of threads that share the chunks of loops (codegen/llvm/chunks.py). It is the process's, with one loop at a
; time: who finds it busy runs his chunks himself. threads.py fills in the @host variables, so that this code has no
; symbols to resolve and its object can be cached.
;
;   scancc_parallel_for(user, body, context, n):   body(context, i, i + 1) for each i in 0..n, by as many threads as
;                                                  @scancc_threads says, this one included; returns when all are done
;                                                  The first word of a context says whether to stop; it is set where
;                                                  a signal's handler raises while others finish
;   scancc_reset():                                no thread, nothing shared; also in the child of a fork
;
; Threads wait for work at a condition variable. A seat is a thread's right to take part: with fewer seats than threads
; the others sleep on.

@host.pthread_create = hidden global ptr null
@host.pthread_detach = hidden global ptr null
@host.pthread_sigmask = hidden global ptr null
@host.sigfillset = hidden global ptr null
@host.pthread_mutex_init = hidden global ptr null
@host.pthread_mutex_lock = hidden global ptr null
@host.pthread_mutex_unlock = hidden global ptr null
@host.pthread_cond_init = hidden global ptr null
@host.pthread_cond_wait = hidden global ptr null
@host.pthread_cond_timedwait = hidden global ptr null
@host.pthread_cond_signal = hidden global ptr null
@host.pthread_cond_broadcast = hidden global ptr null
@host.clock_gettime = hidden global ptr null
@host.poll = hidden global ptr null                            ; whether a handler raised, see fastcall.ll; or null
@host.sig_setmask = hidden global i64 0

@scancc_threads = hidden global i64 1
@scancc_started = hidden global i64 0                          ; of the pool; whoever is @busy may change it

@mutex = internal global [128 x i8] zeroinitializer, align 64  ; larger than any system's
@work = internal global [128 x i8] zeroinitializer, align 64   ; there are seats
@done = internal global [128 x i8] zeroinitializer, align 64   ; a seat is empty again
@busy = internal global i64 0

; under the mutex
@seats = internal global i64 0
@active = internal global i64 0
@body = internal global ptr null
@context = internal global ptr null
@n = internal global i64 0

@next = internal global i64 0, align 64                        ; the first chunk that nobody has taken

define internal void @lock() {
  %lock = load ptr, ptr @host.pthread_mutex_lock
  call i32 %lock(ptr @mutex)
  ret void
}

define internal void @unlock() {
  %unlock = load ptr, ptr @host.pthread_mutex_unlock
  call i32 %unlock(ptr @mutex)
  ret void
}

define void @scancc_reset() {
  %mutex.init = load ptr, ptr @host.pthread_mutex_init
  %cond.init = load ptr, ptr @host.pthread_cond_init
  call i32 %mutex.init(ptr @mutex, ptr null)
  call i32 %cond.init(ptr @work, ptr null)
  call i32 %cond.init(ptr @done, ptr null)
  store i64 0, ptr @scancc_started
  store i64 0, ptr @seats
  store i64 0, ptr @active
  store atomic i64 0, ptr @busy release, align 8
  ret void
}

; Chunk after chunk, as long as there are any.
define internal void @take(ptr %body, ptr %context, i64 %n) {
entry:
  br label %more
more:
  %i = atomicrmw add ptr @next, i64 1 monotonic
  %is.one = icmp slt i64 %i, %n
  br i1 %is.one, label %run, label %none
run:
  %end = add i64 %i, 1
  call void %body(ptr %context, i64 %i, i64 %end)
  br label %more
none:
  ret void
}

define internal ptr @worker(ptr %unused) {
entry:
  call void @lock()
  br label %idle
idle:
  %seats = load i64, ptr @seats
  %is.free = icmp sgt i64 %seats, 0
  br i1 %is.free, label %sit, label %sleep
sleep:
  %wait = load ptr, ptr @host.pthread_cond_wait
  call i32 %wait(ptr @work, ptr @mutex)
  br label %idle
sit:
  %fewer = sub i64 %seats, 1
  store i64 %fewer, ptr @seats
  %others = load i64, ptr @active
  %more = add i64 %others, 1
  store i64 %more, ptr @active
  %body = load ptr, ptr @body
  %context = load ptr, ptr @context
  %n = load i64, ptr @n
  call void @unlock()
  call void @take(ptr %body, ptr %context, i64 %n)
  call void @lock()
  store i64 0, ptr @seats                                      ; nothing is left to take
  %now = load i64, ptr @active
  %left = sub i64 %now, 1
  store i64 %left, ptr @active
  %is.last = icmp eq i64 %left, 0
  br i1 %is.last, label %tell, label %idle
tell:
  %signal = load ptr, ptr @host.pthread_cond_signal
  call i32 %signal(ptr @done)
  br label %idle
}

; Threads until there are `%wanted`, or as many as the system gives; signals are not theirs.
define internal void @start(i64 %wanted) {
entry:
  %all = alloca [128 x i8], align 64
  %old = alloca [128 x i8], align 64
  %thread = alloca [16 x i8], align 16
  %known = load i64, ptr @scancc_started
  %is.enough = icmp sge i64 %known, %wanted
  br i1 %is.enough, label %ready, label %quiet
quiet:
  %fill = load ptr, ptr @host.sigfillset
  call i32 %fill(ptr %all)
  %mask = load ptr, ptr @host.pthread_sigmask
  %how = load i64, ptr @host.sig_setmask
  %how.int = trunc i64 %how to i32
  call i32 %mask(i32 %how.int, ptr %all, ptr %old)
  br label %more
more:
  %count = phi i64 [ %known, %quiet ], [ %counted, %made ]
  %is.short = icmp slt i64 %count, %wanted
  br i1 %is.short, label %make, label %finish
make:
  %create = load ptr, ptr @host.pthread_create
  %status = call i32 %create(ptr %thread, ptr null, ptr @worker, ptr null)
  %is.made = icmp eq i32 %status, 0
  br i1 %is.made, label %made, label %finish
made:
  %detach = load ptr, ptr @host.pthread_detach
  %id = load i64, ptr %thread
  call i32 %detach(i64 %id)
  %counted = add i64 %count, 1
  store i64 %counted, ptr @scancc_started
  br label %more
finish:
  call i32 %mask(i32 %how.int, ptr %old, ptr null)
  br label %ready
ready:
  ret void
}

define void @scancc_parallel_for(ptr %user, ptr %body, ptr %context, i64 %n) {
entry:
  %time = alloca { i64, i64 }, align 8
  %limit = load atomic i64, ptr @scancc_threads monotonic, align 8
  %is.less = icmp slt i64 %limit, %n
  %together = select i1 %is.less, i64 %limit, i64 %n
  %are.several = icmp sgt i64 %together, 1
  br i1 %are.several, label %claim, label %alone
claim:
  %claimed = cmpxchg ptr @busy, i64 0, i64 1 acquire monotonic
  %is.mine = extractvalue { i64, i1 } %claimed, 1
  br i1 %is.mine, label %gather, label %alone
alone:
  call void %body(ptr %context, i64 0, i64 %n)
  ret void
gather:
  %helpers = sub i64 %together, 1
  call void @start(i64 %helpers)
  call void @lock()
  store ptr %body, ptr @body
  store ptr %context, ptr @context
  store i64 %n, ptr @n
  store atomic i64 0, ptr @next monotonic, align 8
  store i64 %helpers, ptr @seats
  %broadcast = load ptr, ptr @host.pthread_cond_broadcast
  call i32 %broadcast(ptr @work)
  call void @unlock()
  call void @take(ptr %body, ptr %context, i64 %n)
  call void @lock()
  store i64 0, ptr @seats
  br label %look
look:
  %active = load i64, ptr @active
  %are.done = icmp eq i64 %active, 0
  br i1 %are.done, label %finish, label %wait
wait:                                                          ; a second at most, then handlers may run
  %clock = load ptr, ptr @host.clock_gettime
  call i32 %clock(i32 0, ptr %time)
  %now = load i64, ptr %time
  %later = add i64 %now, 1
  store i64 %later, ptr %time
  %wait.until = load ptr, ptr @host.pthread_cond_timedwait
  %late = call i32 %wait.until(ptr @done, ptr @mutex, ptr %time)
  %is.told = icmp eq i32 %late, 0
  %poll = load ptr, ptr @host.poll
  %is.deaf = icmp eq ptr %poll, null
  %goes.on = or i1 %is.told, %is.deaf
  br i1 %goes.on, label %look, label %ask
ask:
  call void @unlock()
  %raised = call i32 %poll()
  call void @lock()
  %is.calm = icmp eq i32 %raised, 0
  br i1 %is.calm, label %look, label %stop
stop:
  store atomic i64 1, ptr %context release, align 8
  br label %look
finish:
  call void @unlock()
  store atomic i64 0, ptr @busy release, align 8
  ret void
}
