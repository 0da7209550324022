; The fast caller of every kernel: C functions that Python calls directly (METH_FASTCALL), driven by a
; descriptor. fastcall.py builds the descriptors, with ctypes structures of the same layout and names.
;
;   scancc_call(self, args, nargs):             self is a capsule around a %Descriptor
;   scancc_method(self, args, nargs, kwnames):  self has the capsule in its slot `_native`
;   scancc_object_call(self, args, keywords):   the same as a type has it: a tuple, and a dict or null
;     place keywords, read shared variables  methods only
;     pack the arguments into slots          arrays and numbers that fit as they are; the method converts arrays
;                                            and lists that lose nothing. Anything else: the function answers
;                                            NotImplemented, the method asks `self._call_slowly`
;     query: output sizes, workspace size
;     outputs: those that the keyword `out` gives (the method only), new arrays, or the last call's where nobody
;       else holds them
;     run, without the GIL where that is worth it
;     return the list of outputs, or the one output
;
; Everything outside is reached through the @host variables: so this code has no symbols to resolve, and its
; object code can be cached. Structures of CPython and NumPy are read in five places only: the reference
; count and type of an object, the public fields of an array, the kind of a dtype, the elements of a tuple, the slot
; `_native`. fastcall.py checks these layouts before this code is used.

%Object = type { i32, i32, ptr }                        ; refcount (its low half), -, type
%Tuple  = type { %Object, i64, [0 x ptr] }
%Array  = type { %Object, ptr, i32, ptr, ptr, ptr, ptr, i32, ptr }
;                         data nd  dims strides base dtype flags weakrefs
%Dtype  = type { %Object, ptr, i8, i8, i8, i8, i32 }    ; -, -, -, byte order, -, type number

%Input = type { ptr, i64, i64, i64, ptr, i64, i64, i64, ptr, i64, ptr, ptr }
;  0 dtype   1 type number   2 rank   3 itemsize   4 type of a NumPy scalar
;  5 which Python numbers do: 0 none, 1 to float64, 2 to float32, 3 integers from 6 low to 7 high, 4 bool
;  8 dimensions, -1: any   9 whether the method converts   10 its keyword, an interned string, or null
;  11 null, or the list that holds its value: it is no argument of the method's

%Output = type { ptr, i64, i64, ptr, ptr, i64 }
;  0 dtype   1 rank   2 itemsize   3 the last array returned (owned)   4 its data   5 its flags

%Descriptor = type { ptr, ptr, i64, i64, i64, i64, i64, i64, ptr, ptr, ptr, ptr, ptr, i64, i64, i64 }
;  0 run       4 n slots                               8 inputs                12 workspace (owned)
;  1 query     5 flags: 1 one output, 2 release GIL    9 outputs               13 its bytes
;  2 n inputs  6 bytes from which GIL is released     10 owner (owned)         14 in use
;  3 n outputs 7 bytes from which outputs are reused  11 error function  15 inputs that are arguments

; CPython and NumPy: the addresses of these functions and objects, which fastcall.py fills in.
@host.PyArray_Type = hidden global ptr null
@host.PyArray_NewFromDescr = hidden global ptr null
@host.PyArray_FromArray = hidden global ptr null
@host.PyArray_SetBaseObject = hidden global ptr null
@host.PyArray_ScalarAsCtype = hidden global ptr null
@host.PyFloat_Type = hidden global ptr null
@host.PyLong_Type = hidden global ptr null
@host.PyFloat_AsDouble = hidden global ptr null
@host.PyLong_AsLongLong = hidden global ptr null
@host.PyErr_Occurred = hidden global ptr null
@host.PyErr_Clear = hidden global ptr null
@host.PyObject_CallFunction = hidden global ptr null
@host.PyList_Type = hidden global ptr null
@host.PyList_New = hidden global ptr null
@host.PyList_Size = hidden global ptr null
@host.PyList_GetItem = hidden global ptr null
@host.PyList_SetItem = hidden global ptr null
@host.PyTuple_Type = hidden global ptr null
@host.PyTuple_Size = hidden global ptr null
@host.PyTuple_GetItem = hidden global ptr null
@host.PyObject_VectorcallDict = hidden global ptr null
@host.PyObject_VectorcallMethod = hidden global ptr null
@host.native = hidden global i64 0                    ; where in an object the slot with the capsule is
@host.method = hidden global ptr null                 ; scancc_method as a method of such objects
@host.out = hidden global ptr null                    ; the name of the keyword with arrays for the outputs
@host.call_slowly = hidden global ptr null            ; the name of the method that takes any arguments
@host.PyEval_SaveThread = hidden global ptr null
@host.PyEval_RestoreThread = hidden global ptr null
@host.PyMem_RawMalloc = hidden global ptr null
@host.PyMem_RawFree = hidden global ptr null
@host.Py_IncRef = hidden global ptr null
@host.Py_DecRef = hidden global ptr null
@host.Py_None = hidden global ptr null
@host.Py_NotImplemented = hidden global ptr null
@host.Py_True = hidden global ptr null
@host.PyCapsule_GetPointer = hidden global ptr null
@host.PyGILState_Ensure = hidden global ptr null
@host.PyGILState_Release = hidden global ptr null
@host.PyErr_CheckSignals = hidden global ptr null
@host.PyErr_Fetch = hidden global ptr null
@host.PyThread_get_thread_ident = hidden global ptr null
@host.time = hidden global ptr null
@host.PyDataMem_SetHandler = hidden global ptr null
@host.aligned = hidden global ptr null                ; the capsule of the handler of memory below
@host.aligned_alloc = hidden global ptr null
@host.calloc = hidden global ptr null
@host.realloc = hidden global ptr null
@host.free = hidden global ptr null
@host.madvise = hidden global ptr null                ; null where NumPy is told to ask for no large pages
@host.main_thread = hidden global i64 0

; --- inputs ---------------------------------------------------------------------------------------------

; Is the array's dtype the input's? Most often the very object; an unpickled dtype is another, equal one.
define internal i1 @has_dtype(ptr %array, ptr %input) alwaysinline {
  %dtype.at = getelementptr %Array, ptr %array, i32 0, i32 6
  %dtype = load ptr, ptr %dtype.at
  %wanted = load ptr, ptr %input
  %same = icmp eq ptr %dtype, %wanted
  br i1 %same, label %yes, label %compare
compare:
  %number.at = getelementptr %Dtype, ptr %dtype, i32 0, i32 6
  %number = load i32, ptr %number.at
  %number64 = sext i32 %number to i64
  %wanted.number.at = getelementptr %Input, ptr %input, i32 0, i32 1
  %wanted.number = load i64, ptr %wanted.number.at
  %same.number = icmp eq i64 %number64, %wanted.number
  %order.at = getelementptr %Dtype, ptr %dtype, i32 0, i32 4
  %order = load i8, ptr %order.at
  %native = icmp ne i8 %order, 62 ; '>'
  %ok = and i1 %same.number, %native
  ret i1 %ok
yes:
  ret i1 true
}

; Write an array's data pointer and dimensions to the slots; its bytes, or -1 where it does not fit.
define internal i64 @pack_array(ptr %input, ptr %array, ptr %slot) {
entry:
  %flags.at = getelementptr %Array, ptr %array, i32 0, i32 7
  %flags = load i32, ptr %flags.at
  %good = and i32 %flags, 257 ; aligned, C-contiguous
  %is.good = icmp eq i32 %good, 257
  %nd.at = getelementptr %Array, ptr %array, i32 0, i32 2
  %nd = load i32, ptr %nd.at
  %nd64 = sext i32 %nd to i64
  %rank.at = getelementptr %Input, ptr %input, i32 0, i32 2
  %rank = load i64, ptr %rank.at
  %is.rank = icmp eq i64 %nd64, %rank
  %is.dtype = call i1 @has_dtype(ptr %array, ptr %input)
  %ok.0 = and i1 %is.good, %is.rank
  %ok.1 = and i1 %ok.0, %is.dtype
  br i1 %ok.1, label %begin, label %no
begin:
  %data.at = getelementptr %Array, ptr %array, i32 0, i32 1
  %data = load ptr, ptr %data.at
  store ptr %data, ptr %slot
  %dims.at = getelementptr %Array, ptr %array, i32 0, i32 3
  %dims = load ptr, ptr %dims.at
  %wanted.at = getelementptr %Input, ptr %input, i32 0, i32 8
  %wanted = load ptr, ptr %wanted.at
  %itemsize.at = getelementptr %Input, ptr %input, i32 0, i32 3
  %itemsize = load i64, ptr %itemsize.at
  br label %loop
loop:
  %axis = phi i64 [ 0, %begin ], [ %axis.next, %next ]
  %nbytes = phi i64 [ %itemsize, %begin ], [ %nbytes.next, %next ]
  %extent = phi i64 [ 1, %begin ], [ %extent.next, %next ] ; without lengths of 0; NumPy sees that it does not wrap
  %more = icmp slt i64 %axis, %rank
  br i1 %more, label %dim, label %done
dim:
  %n.at = getelementptr i64, ptr %dims, i64 %axis
  %n = load i64, ptr %n.at
  %fixed.at = getelementptr i64, ptr %wanted, i64 %axis
  %fixed = load i64, ptr %fixed.at
  %is.any = icmp slt i64 %fixed, 0
  %is.equal = icmp eq i64 %fixed, %n
  %fits = or i1 %is.any, %is.equal
  br i1 %fits, label %next, label %no
next:
  %axis.next = add i64 %axis, 1
  %out.at = getelementptr i64, ptr %slot, i64 %axis.next
  store i64 %n, ptr %out.at
  %nbytes.next = mul i64 %nbytes, %n
  %is.empty = icmp eq i64 %n, 0
  %factor = select i1 %is.empty, i64 1, i64 %n
  %extent.next = mul i64 %extent, %factor
  br label %loop
done:
  %exists = icmp ule i64 %extent, 140737488355328 ; MOST_ELEMENTS
  br i1 %exists, label %yes, label %no
yes:
  ret i64 %nbytes
no:
  ret i64 -1
}

; Write a pointer to a rank-0 value to the slot, its value to the cell if it is no array; 1 if it fits. A float32
; takes any Python float where it may round.
define internal i1 @pack_scalar(ptr %input, ptr %object, ptr %cell, ptr %slot, i1 %may.round) {
entry:
  store ptr %cell, ptr %slot
  %type.at = getelementptr %Object, ptr %object, i32 0, i32 2
  %type = load ptr, ptr %type.at
  %scalar.type.at = getelementptr %Input, ptr %input, i32 0, i32 4
  %scalar.type = load ptr, ptr %scalar.type.at
  %is.scalar = icmp eq ptr %type, %scalar.type
  br i1 %is.scalar, label %numpy.scalar, label %number
numpy.scalar:
  %as.ctype = load ptr, ptr @host.PyArray_ScalarAsCtype
  call void %as.ctype(ptr %object, ptr %cell)
  br label %yes

number:
  %float.type = load ptr, ptr @host.PyFloat_Type
  %int.type = load ptr, ptr @host.PyLong_Type
  %is.float = icmp eq ptr %type, %float.type
  %is.int = icmp eq ptr %type, %int.type
  %is.number = or i1 %is.float, %is.int
  %kind.at = getelementptr %Input, ptr %input, i32 0, i32 5
  %kind = load i64, ptr %kind.at
  switch i64 %kind, label %no [
    i64 1, label %to.float
    i64 2, label %to.float
    i64 3, label %to.int
    i64 4, label %to.bool
  ]

to.float:
  br i1 %is.number, label %float.value, label %no
float.value:
  %as.double = load ptr, ptr @host.PyFloat_AsDouble
  %double = call double %as.double(ptr %object)
  %maybe.error = fcmp oeq double %double, -1.0
  br i1 %maybe.error, label %check.error, label %store.float
store.float:
  %is.double = icmp eq i64 %kind, 1
  br i1 %is.double, label %store.double, label %store.single
store.double:
  store double %double, ptr %cell
  br label %yes
store.single: ; an integer must survive, a float may round, but neither may overflow
  %single = fptrunc double %double to float
  %back = fpext float %single to double
  %is.exact = fcmp ueq double %back, %double
  %size = call double @llvm.fabs.f64(double %back)
  %is.finite = fcmp one double %size, 0x7FF0000000000000
  %rounded = and i1 %is.float, %is.finite
  %rounds = and i1 %rounded, %may.round
  %single.ok = or i1 %is.exact, %rounds
  store float %single, ptr %cell
  br i1 %single.ok, label %yes, label %no

to.int:
  br i1 %is.int, label %int.value, label %no
int.value:
  %as.int = load ptr, ptr @host.PyLong_AsLongLong
  %int = call i64 %as.int(ptr %object)
  %maybe.int.error = icmp eq i64 %int, -1
  br i1 %maybe.int.error, label %check.error, label %in.range
in.range:
  %low.at = getelementptr %Input, ptr %input, i32 0, i32 6
  %low = load i64, ptr %low.at
  %high.at = getelementptr %Input, ptr %input, i32 0, i32 7
  %high = load i64, ptr %high.at
  %above = icmp sge i64 %int, %low
  %below = icmp sle i64 %int, %high
  %fits = and i1 %above, %below
  store i64 %int, ptr %cell ; the low bytes are the narrower integer
  br i1 %fits, label %yes, label %no

check.error: ; -1 may be the value, or say that the number is too large
  %occurred = load ptr, ptr @host.PyErr_Occurred
  %error = call ptr %occurred()
  %none = icmp eq ptr %error, null
  br i1 %none, label %minus.one, label %clear
clear:
  %clear.error = load ptr, ptr @host.PyErr_Clear
  call void %clear.error()
  br label %no
minus.one:
  %is.int.kind = icmp eq i64 %kind, 3
  br i1 %is.int.kind, label %minus.one.int, label %minus.one.float
minus.one.int:
  %low2.at = getelementptr %Input, ptr %input, i32 0, i32 6
  %low2 = load i64, ptr %low2.at
  %signed = icmp slt i64 %low2, 0
  store i64 -1, ptr %cell
  br i1 %signed, label %yes, label %no
minus.one.float:
  %is.double2 = icmp eq i64 %kind, 1
  br i1 %is.double2, label %minus.one.double, label %minus.one.single
minus.one.double:
  store double -1.0, ptr %cell
  br label %yes
minus.one.single:
  store float -1.0, ptr %cell
  br label %yes

to.bool:
  %true = load ptr, ptr @host.Py_True
  %true.type.at = getelementptr %Object, ptr %true, i32 0, i32 2
  %bool.type = load ptr, ptr %true.type.at
  %is.true = icmp eq ptr %object, %true
  %is.bool = icmp eq ptr %type, %bool.type
  %bit = zext i1 %is.true to i8
  store i8 %bit, ptr %cell
  br i1 %is.bool, label %yes, label %no

yes:
  ret i1 true
no:
  ret i1 false
}

declare double @llvm.fabs.f64(double)

; Pack one argument; its bytes, or -1 where the Python caller must look at it.
define internal i64 @pack(ptr %input, ptr %object, ptr %cell, ptr %slot) {
entry:
  %type.at = getelementptr %Object, ptr %object, i32 0, i32 2
  %type = load ptr, ptr %type.at
  %array.type = load ptr, ptr @host.PyArray_Type
  %is.array = icmp eq ptr %type, %array.type
  br i1 %is.array, label %array, label %other
array:
  %nbytes = call i64 @pack_array(ptr %input, ptr %object, ptr %slot)
  ret i64 %nbytes
other:
  %rank.at = getelementptr %Input, ptr %input, i32 0, i32 2
  %rank = load i64, ptr %rank.at
  %is.scalar = icmp eq i64 %rank, 0
  br i1 %is.scalar, label %scalar, label %no
scalar:
  %fits = call i1 @pack_scalar(ptr %input, ptr %object, ptr %cell, ptr %slot, i1 true)
  br i1 %fits, label %yes, label %no
yes:
  ret i64 16
no:
  ret i64 -1
}

; --- conversions ----------------------------------------------------------------------------------------

; An array of the input's dtype and layout with the same values, a new reference; null, and no exception, where
; that takes more than is done here: Python converts then, or says what is wrong.
define internal ptr @convert(ptr %input, ptr %object) {
entry:
  %may.at = getelementptr %Input, ptr %input, i32 0, i32 9
  %may = load i64, ptr %may.at
  %rank.at = getelementptr %Input, ptr %input, i32 0, i32 2
  %rank = load i64, ptr %rank.at
  %may.not = icmp eq i64 %may, 0
  %is.scalar = icmp eq i64 %rank, 0
  %leave = or i1 %may.not, %is.scalar
  br i1 %leave, label %no, label %which
which:
  %type.at = getelementptr %Object, ptr %object, i32 0, i32 2
  %type = load ptr, ptr %type.at
  %array.type = load ptr, ptr @host.PyArray_Type
  %is.array = icmp eq ptr %type, %array.type
  br i1 %is.array, label %array, label %row
array:
  %from.array = call ptr @convert_array(ptr %input, ptr %object)
  ret ptr %from.array
row:
  %is.vector = icmp eq i64 %rank, 1
  %list.type = load ptr, ptr @host.PyList_Type
  %tuple.type = load ptr, ptr @host.PyTuple_Type
  %is.list = icmp eq ptr %type, %list.type
  %is.tuple = icmp eq ptr %type, %tuple.type
  %is.row = or i1 %is.list, %is.tuple
  %fits = and i1 %is.vector, %is.row
  br i1 %fits, label %numbers, label %no
numbers:
  %list.size = load ptr, ptr @host.PyList_Size
  %tuple.size = load ptr, ptr @host.PyTuple_Size
  %size = select i1 %is.list, ptr %list.size, ptr %tuple.size
  %list.item = load ptr, ptr @host.PyList_GetItem
  %tuple.item = load ptr, ptr @host.PyTuple_GetItem
  %item = select i1 %is.list, ptr %list.item, ptr %tuple.item
  %from.row = call ptr @convert_row(ptr %input, ptr %object, ptr %size, ptr %item)
  ret ptr %from.row
no:
  ret ptr null
}

; Of an array of numbers: only what NumPy calls a safe cast.
define internal ptr @convert_array(ptr %input, ptr %array) {
entry:
  %rank.at = getelementptr %Input, ptr %input, i32 0, i32 2
  %rank = load i64, ptr %rank.at
  %nd.at = getelementptr %Array, ptr %array, i32 0, i32 2
  %nd = load i32, ptr %nd.at
  %nd64 = sext i32 %nd to i64
  %is.rank = icmp eq i64 %nd64, %rank
  br i1 %is.rank, label %numbers, label %no
numbers:
  %given.at = getelementptr %Array, ptr %array, i32 0, i32 6
  %given = load ptr, ptr %given.at
  %kind.at = getelementptr %Dtype, ptr %given, i32 0, i32 2
  %kind = load i8, ptr %kind.at
  switch i8 %kind, label %no [ i8 98, label %cast   ; b
                               i8 105, label %cast  ; i
                               i8 117, label %cast  ; u
                               i8 102, label %cast  ; f
                               i8 99, label %cast ] ; c
cast:
  %dtype = load ptr, ptr %input
  %incref = load ptr, ptr @host.Py_IncRef
  call void %incref(ptr %dtype) ; the call takes this reference
  %from.array = load ptr, ptr @host.PyArray_FromArray
  %made = call ptr %from.array(ptr %array, ptr %dtype, i32 769) ; C-contiguous, aligned, native
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %clear, label %return
return:
  ret ptr %made
clear:
  %clear.error = load ptr, ptr @host.PyErr_Clear
  call void %clear.error()
  br label %no
no:
  ret ptr null
}

; Of a list or tuple of numbers, each of which the input's dtype holds as it is.
define internal ptr @convert_row(ptr %input, ptr %row, ptr %size, ptr %item) {
entry:
  %dims = alloca i64
  %slot = alloca ptr
  %n = call i64 %size(ptr %row)
  store i64 %n, ptr %dims
  %dtype = load ptr, ptr %input
  %incref = load ptr, ptr @host.Py_IncRef
  call void %incref(ptr %dtype) ; the new array takes this reference
  %array.type = load ptr, ptr @host.PyArray_Type
  %new = load ptr, ptr @host.PyArray_NewFromDescr
  %array = call ptr %new(ptr %array.type, ptr %dtype, i32 1, ptr %dims, ptr null, ptr null, i32 0, ptr null)
  %failed = icmp eq ptr %array, null
  br i1 %failed, label %clear, label %begin
begin:
  %data.at = getelementptr %Array, ptr %array, i32 0, i32 1
  %data = load ptr, ptr %data.at
  %itemsize.at = getelementptr %Input, ptr %input, i32 0, i32 3
  %itemsize = load i64, ptr %itemsize.at
  br label %loop
loop:
  %i = phi i64 [ 0, %begin ], [ %i.next, %next ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %one, label %done
one:
  %object = call ptr %item(ptr %row, i64 %i) ; the row's own reference; no other code runs meanwhile
  %at = mul i64 %i, %itemsize
  %cell = getelementptr i8, ptr %data, i64 %at
  %is.short = call i1 @is_short(ptr %object)
  br i1 %is.short, label %put, label %drop
put:
  %fits = call i1 @pack_scalar(ptr %input, ptr %object, ptr %cell, ptr %slot, i1 false)
  br i1 %fits, label %next, label %drop
next:
  %i.next = add i64 %i, 1
  br label %loop
done:
  ret ptr %array
drop:
  %decref = load ptr, ptr @host.Py_DecRef
  call void %decref(ptr %array)
  br label %no
clear:
  %clear.error = load ptr, ptr @host.PyErr_Clear
  call void %clear.error()
  br label %no
no:
  ret ptr null
}

; Whether it is no Python integer of more than 64 bits, which NumPy makes an object of.
define internal i1 @is_short(ptr %object) {
entry:
  %type.at = getelementptr %Object, ptr %object, i32 0, i32 2
  %type = load ptr, ptr %type.at
  %int.type = load ptr, ptr @host.PyLong_Type
  %is.int = icmp eq ptr %type, %int.type
  br i1 %is.int, label %int, label %yes
int:
  %as.int = load ptr, ptr @host.PyLong_AsLongLong
  %value = call i64 %as.int(ptr %object)
  %maybe.error = icmp eq i64 %value, -1
  br i1 %maybe.error, label %check.error, label %yes
check.error:
  %occurred = load ptr, ptr @host.PyErr_Occurred
  %error = call ptr %occurred()
  %none = icmp eq ptr %error, null
  br i1 %none, label %yes, label %clear
clear:
  %clear.error = load ptr, ptr @host.PyErr_Clear
  call void %clear.error()
  ret i1 false
yes:
  ret i1 true
}

; --- outputs --------------------------------------------------------------------------------------------

; May the last array be returned again? Only if nobody else holds it, not even weakly, and it is still as it
; was returned.
define internal i1 @is_free(ptr %output, ptr %dims) {
entry:
  %last.at = getelementptr %Output, ptr %output, i32 0, i32 3
  %last = load ptr, ptr %last.at
  %none = icmp eq ptr %last, null
  br i1 %none, label %no, label %held
held:
  %refcount = load i32, ptr %last
  %only.ours = icmp eq i32 %refcount, 1
  br i1 %only.ours, label %fields, label %no
fields:
  %weak.at = getelementptr %Array, ptr %last, i32 0, i32 8
  %weak = load ptr, ptr %weak.at
  %no.weak = icmp eq ptr %weak, null
  %base.at = getelementptr %Array, ptr %last, i32 0, i32 5
  %base = load ptr, ptr %base.at
  %no.base = icmp eq ptr %base, null
  %dtype.at = getelementptr %Array, ptr %last, i32 0, i32 6
  %dtype = load ptr, ptr %dtype.at
  %wanted.dtype = load ptr, ptr %output
  %same.dtype = icmp eq ptr %dtype, %wanted.dtype
  %data.at = getelementptr %Array, ptr %last, i32 0, i32 1
  %data = load ptr, ptr %data.at
  %last.data.at = getelementptr %Output, ptr %output, i32 0, i32 4
  %last.data = load ptr, ptr %last.data.at
  %same.data = icmp eq ptr %data, %last.data
  %flags.at = getelementptr %Array, ptr %last, i32 0, i32 7
  %flags = load i32, ptr %flags.at
  %flags64 = zext i32 %flags to i64
  %last.flags.at = getelementptr %Output, ptr %output, i32 0, i32 5
  %last.flags = load i64, ptr %last.flags.at
  %same.flags = icmp eq i64 %flags64, %last.flags
  %nd.at = getelementptr %Array, ptr %last, i32 0, i32 2
  %nd = load i32, ptr %nd.at
  %nd64 = sext i32 %nd to i64
  %rank.at = getelementptr %Output, ptr %output, i32 0, i32 1
  %rank = load i64, ptr %rank.at
  %same.rank = icmp eq i64 %nd64, %rank
  %ok.0 = and i1 %no.weak, %no.base
  %ok.1 = and i1 %same.dtype, %same.data
  %ok.2 = and i1 %same.flags, %same.rank
  %ok.3 = and i1 %ok.0, %ok.1
  %ok.4 = and i1 %ok.2, %ok.3
  br i1 %ok.4, label %shape, label %no
shape:
  %last.dims.at = getelementptr %Array, ptr %last, i32 0, i32 3
  %last.dims = load ptr, ptr %last.dims.at
  br label %loop
loop:
  %axis = phi i64 [ 0, %shape ], [ %axis.next, %dim ]
  %more = icmp slt i64 %axis, %rank
  br i1 %more, label %dim, label %yes
dim:
  %n.at = getelementptr i64, ptr %last.dims, i64 %axis
  %n = load i64, ptr %n.at
  %wanted.at = getelementptr i64, ptr %dims, i64 %axis
  %wanted = load i64, ptr %wanted.at
  %same.n = icmp eq i64 %n, %wanted
  %axis.next = add i64 %axis, 1
  br i1 %same.n, label %loop, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

; A new array over `data`, or over memory of its own where `data` is null; null with an exception set.
define internal ptr @new_array(ptr %output, ptr %dims, ptr %data, i32 %flags) {
  %dtype = load ptr, ptr %output
  %incref = load ptr, ptr @host.Py_IncRef
  call void %incref(ptr %dtype) ; the new array takes this reference
  %rank.at = getelementptr %Output, ptr %output, i32 0, i32 1
  %rank = load i64, ptr %rank.at
  %nd = trunc i64 %rank to i32
  %type = load ptr, ptr @host.PyArray_Type
  %new = load ptr, ptr @host.PyArray_NewFromDescr
  %array = call ptr %new(ptr %type, ptr %dtype, i32 %nd, ptr %dims, ptr null, ptr %data, i32 %flags, ptr null)
  ret ptr %array
}

; A new array with memory of its own; that of a large one begins where a line of the cache does: malloc's begins 16
; bytes behind a page, and code of 64-byte vectors took up to 1.6 times as long there.
define internal ptr @new_output(ptr %output, ptr %dims, i1 %large) {
entry:
  br i1 %large, label %aligned, label %plain
aligned:
  %set = load ptr, ptr @host.PyDataMem_SetHandler
  %handler = load ptr, ptr @host.aligned
  %before = call ptr %set(ptr %handler)
  %none = icmp eq ptr %before, null
  br i1 %none, label %fail, label %with
with:
  %array = call ptr @new_array(ptr %output, ptr %dims, ptr null, i32 0)
  %ours = call ptr %set(ptr %before)
  %decref = load ptr, ptr @host.Py_DecRef
  call void %decref(ptr %before)
  %lost = icmp eq ptr %ours, null
  br i1 %lost, label %undo, label %made
made:
  call void %decref(ptr %ours)
  ret ptr %array
undo:
  %had = icmp ne ptr %array, null
  br i1 %had, label %drop, label %fail
drop:
  call void %decref(ptr %array)
  br label %fail
fail:
  ret ptr null
plain:
  %small = call ptr @new_array(ptr %output, ptr %dims, ptr null, i32 0)
  ret ptr %small
}

; The functions of the handler, as NumPy calls them. Its own asks for large pages from 4 MiB on, too. Malloc's large
; arrays begin 16 bytes behind a page. Where ours did 64 behind one, each read waited for the write before it, whose address
; ends in the same 12 bits: 400 kB were copied in 9.2 us, half a page away in 7.8.
define ptr @scancc_aligned_malloc(ptr %context, i64 %nbytes) {
entry:
  %more = add i64 %nbytes, 2047
  %whole = and i64 %more, -2048
  %allocate = load ptr, ptr @host.aligned_alloc
  %memory = call ptr %allocate(i64 2048, i64 %whole)
  %none = icmp eq ptr %memory, null
  %small = icmp ult i64 %nbytes, 4194304
  %advise = load ptr, ptr @host.madvise
  %may.not = icmp eq ptr %advise, null
  %no.0 = or i1 %none, %small
  %no = or i1 %no.0, %may.not
  br i1 %no, label %done, label %pages
pages:
  %address = ptrtoint ptr %memory to i64
  %inside = and i64 %address, 4095
  %skipped = sub i64 4096, %inside
  %page = getelementptr i8, ptr %memory, i64 %skipped
  %rest = sub i64 %nbytes, %skipped
  %ignored = call i32 %advise(ptr %page, i64 %rest, i32 14) ; MADV_HUGEPAGE
  br label %done
done:
  ret ptr %memory
}

define ptr @scancc_aligned_calloc(ptr %context, i64 %count, i64 %nbytes) {
  %allocate = load ptr, ptr @host.calloc
  %memory = call ptr %allocate(i64 %count, i64 %nbytes)
  ret ptr %memory
}

define ptr @scancc_aligned_realloc(ptr %context, ptr %memory, i64 %nbytes) {
  %resize = load ptr, ptr @host.realloc
  %moved = call ptr %resize(ptr %memory, i64 %nbytes)
  ret ptr %moved
}

define void @scancc_aligned_free(ptr %context, ptr %memory, i64 %nbytes) {
  %free = load ptr, ptr @host.free
  call void %free(ptr %memory)
  ret void
}

define internal i64 @output_nbytes(ptr %output, ptr %dims) {
  %rank.at = getelementptr %Output, ptr %output, i32 0, i32 1
  %rank = load i64, ptr %rank.at
  %itemsize.at = getelementptr %Output, ptr %output, i32 0, i32 2
  %itemsize = load i64, ptr %itemsize.at
  %nbytes = call i64 @nbytes_of(i64 %itemsize, i64 %rank, ptr %dims)
  ret i64 %nbytes
}

define internal i64 @nbytes_of(i64 %itemsize, i64 %rank, ptr %dims) {
entry:
  br label %loop
loop:
  %axis = phi i64 [ 0, %entry ], [ %axis.next, %dim ]
  %nbytes = phi i64 [ %itemsize, %entry ], [ %nbytes.next, %dim ]
  %more = icmp slt i64 %axis, %rank
  br i1 %more, label %dim, label %done
dim:
  %n.at = getelementptr i64, ptr %dims, i64 %axis
  %n = load i64, ptr %n.at
  %nbytes.next = mul i64 %nbytes, %n
  %axis.next = add i64 %axis, 1
  br label %loop
done:
  ret i64 %nbytes
}

; The array for one output, a new reference; null with an exception set. Large ones are kept for reuse.
define internal ptr @make_output(ptr %output, ptr %dims, i64 %nbytes, ptr %descriptor) {
entry:
  %reuse.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 7
  %reuse = load i64, ptr %reuse.at
  %large = icmp sge i64 %nbytes, %reuse
  %last.at = getelementptr %Output, ptr %output, i32 0, i32 3
  %last = load ptr, ptr %last.at
  br i1 %large, label %try.reuse, label %forget
try.reuse:
  %free = call i1 @is_free(ptr %output, ptr %dims)
  br i1 %free, label %again, label %forget
again:
  %incref = load ptr, ptr @host.Py_IncRef
  call void %incref(ptr %last)
  ret ptr %last
forget: ; before the new array is made, so that the memory of the old one can serve
  %had.one = icmp ne ptr %last, null
  br i1 %had.one, label %drop, label %new
drop:
  store ptr null, ptr %last.at ; first: dropping the array may run any code, even this kernel again
  %decref = load ptr, ptr @host.Py_DecRef
  call void %decref(ptr %last)
  br label %new
new:
  %array = call ptr @new_output(ptr %output, ptr %dims, i1 %large)
  %failed = icmp eq ptr %array, null
  br i1 %failed, label %return, label %made
made:
  br i1 %large, label %keep, label %return
keep:
  %now = load ptr, ptr %last.at
  %taken = icmp ne ptr %now, null ; a call made meanwhile keeps its array
  br i1 %taken, label %return, label %remember
remember:
  %incref2 = load ptr, ptr @host.Py_IncRef
  call void %incref2(ptr %array)
  store ptr %array, ptr %last.at
  %data.at = getelementptr %Array, ptr %array, i32 0, i32 1
  %data = load ptr, ptr %data.at
  %last.data.at = getelementptr %Output, ptr %output, i32 0, i32 4
  store ptr %data, ptr %last.data.at
  %flags.at = getelementptr %Array, ptr %array, i32 0, i32 7
  %flags = load i32, ptr %flags.at
  %flags64 = zext i32 %flags to i64
  %last.flags.at = getelementptr %Output, ptr %output, i32 0, i32 5
  store i64 %flags64, ptr %last.flags.at
  br label %return
return:
  ret ptr %array
}

; Whether an array that the caller gave can be the output as it is.
define internal i1 @serves(ptr %output, ptr %dims, ptr %array) {
entry:
  %type.at = getelementptr %Object, ptr %array, i32 0, i32 2
  %type = load ptr, ptr %type.at
  %array.type = load ptr, ptr @host.PyArray_Type
  %is.array = icmp eq ptr %type, %array.type
  br i1 %is.array, label %layout, label %no
layout:
  %flags.at = getelementptr %Array, ptr %array, i32 0, i32 7
  %flags = load i32, ptr %flags.at
  %good = and i32 %flags, 1281 ; C-contiguous, aligned, writeable
  %is.good = icmp eq i32 %good, 1281
  %nd.at = getelementptr %Array, ptr %array, i32 0, i32 2
  %nd = load i32, ptr %nd.at
  %nd64 = sext i32 %nd to i64
  %rank.at = getelementptr %Output, ptr %output, i32 0, i32 1
  %rank = load i64, ptr %rank.at
  %is.rank = icmp eq i64 %nd64, %rank
  %dtype.at = getelementptr %Array, ptr %array, i32 0, i32 6
  %dtype = load ptr, ptr %dtype.at
  %wanted = load ptr, ptr %output
  %same.dtype = icmp eq ptr %dtype, %wanted
  %ok.0 = and i1 %is.good, %is.rank
  %ok.1 = and i1 %ok.0, %same.dtype
  br i1 %ok.1, label %shape, label %no
shape:
  %given.dims.at = getelementptr %Array, ptr %array, i32 0, i32 3
  %given.dims = load ptr, ptr %given.dims.at
  br label %loop
loop:
  %axis = phi i64 [ 0, %shape ], [ %axis.next, %dim ]
  %more = icmp slt i64 %axis, %rank
  br i1 %more, label %dim, label %yes
dim:
  %n.at = getelementptr i64, ptr %given.dims, i64 %axis
  %n = load i64, ptr %n.at
  %n.wanted.at = getelementptr i64, ptr %dims, i64 %axis
  %n.wanted = load i64, ptr %n.wanted.at
  %same.n = icmp eq i64 %n, %n.wanted
  %axis.next = add i64 %axis, 1
  br i1 %same.n, label %loop, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

; Whether `nbytes` from an array's data are also an input's, or those of one of the first `count` results.
define internal i1 @is_shared(ptr %descriptor, ptr %slots, ptr %results, i64 %count, ptr %array, i64 %nbytes) {
entry:
  %data.at = getelementptr %Array, ptr %array, i32 0, i32 1
  %data = load i64, ptr %data.at
  %end = add i64 %data, %nbytes
  %n.inputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 2
  %n.inputs = load i64, ptr %n.inputs.at
  %inputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 8
  %inputs = load ptr, ptr %inputs.at
  %outputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 9
  %outputs = load ptr, ptr %outputs.at
  br label %input.loop
input.loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %apart ]
  %slot = phi ptr [ %slots, %entry ], [ %slot.next, %apart ]
  %more.inputs = icmp slt i64 %i, %n.inputs
  br i1 %more.inputs, label %input, label %output.loop
input:
  %rank.at = getelementptr %Input, ptr %inputs, i64 %i, i32 2
  %rank = load i64, ptr %rank.at
  %itemsize.at = getelementptr %Input, ptr %inputs, i64 %i, i32 3
  %itemsize = load i64, ptr %itemsize.at
  %dims = getelementptr i64, ptr %slot, i64 1
  %in.nbytes = call i64 @nbytes_of(i64 %itemsize, i64 %rank, ptr %dims)
  %in.data = load i64, ptr %slot
  %in.end = add i64 %in.data, %in.nbytes
  %in.before = icmp ule i64 %in.end, %data
  %in.after = icmp uge i64 %in.data, %end
  %in.apart = or i1 %in.before, %in.after
  br i1 %in.apart, label %apart, label %yes
apart:
  %i.next = add i64 %i, 1
  %slot.next = getelementptr i64, ptr %dims, i64 %rank
  br label %input.loop
output.loop:
  %o = phi i64 [ 0, %input.loop ], [ %o.next, %output.apart ]
  %more.outputs = icmp slt i64 %o, %count
  br i1 %more.outputs, label %output, label %no
output:
  %other.at = getelementptr ptr, ptr %results, i64 %o
  %other = load ptr, ptr %other.at
  %other.output = getelementptr %Output, ptr %outputs, i64 %o
  %other.dims.at = getelementptr %Array, ptr %other, i32 0, i32 3
  %other.dims = load ptr, ptr %other.dims.at
  %other.nbytes = call i64 @output_nbytes(ptr %other.output, ptr %other.dims)
  %other.data.at = getelementptr %Array, ptr %other, i32 0, i32 1
  %other.data = load i64, ptr %other.data.at
  %other.end = add i64 %other.data, %other.nbytes
  %out.before = icmp ule i64 %other.end, %data
  %out.after = icmp uge i64 %other.data, %end
  %out.apart = or i1 %out.before, %out.after
  br i1 %out.apart, label %output.apart, label %yes
output.apart:
  %o.next = add i64 %o, 1
  br label %output.loop
yes:
  ret i1 true
no:
  ret i1 false
}

; The filled part of an output whose loop ended early: a view that owns the array; null with an exception.
define internal ptr @trim(ptr %output, ptr %array, ptr %slot) {
entry:
  %rank.at = getelementptr %Output, ptr %output, i32 0, i32 1
  %rank = load i64, ptr %rank.at
  %is.scalar = icmp eq i64 %rank, 0
  br i1 %is.scalar, label %whole, label %compare
compare:
  %dims.at = getelementptr %Array, ptr %array, i32 0, i32 3
  %dims = load ptr, ptr %dims.at
  %filled.at = getelementptr i64, ptr %slot, i64 1
  br label %axis
axis:
  %i = phi i64 [ 0, %compare ], [ %i.next, %same ]
  %capacity.at = getelementptr i64, ptr %dims, i64 %i
  %capacity = load i64, ptr %capacity.at
  %length.at = getelementptr i64, ptr %filled.at, i64 %i
  %length = load i64, ptr %length.at
  %full = icmp eq i64 %length, %capacity
  br i1 %full, label %same, label %part
same:
  %i.next = add i64 %i, 1
  %more.axes = icmp ult i64 %i.next, %rank
  br i1 %more.axes, label %axis, label %whole
whole:
  ret ptr %array
part:
  %data = load ptr, ptr %slot
  %view = call ptr @new_array(ptr %output, ptr %filled.at, ptr %data, i32 1281) ; CARRAY
  %failed = icmp eq ptr %view, null
  br i1 %failed, label %fail, label %made
fail:
  %decref = load ptr, ptr @host.Py_DecRef
  call void %decref(ptr %array)
  ret ptr null
made:
  %set.base = load ptr, ptr @host.PyArray_SetBaseObject
  %status = call i32 %set.base(ptr %view, ptr %array) ; takes the reference, even where it fails
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %unmake, label %done
unmake:
  %decref2 = load ptr, ptr @host.Py_DecRef
  call void %decref2(ptr %view)
  ret ptr null
done:
  ret ptr %view
}

define internal void @drop_results(ptr %results, i64 %count) {
entry:
  %decref = load ptr, ptr @host.Py_DecRef
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %done
one:
  %at = getelementptr ptr, ptr %results, i64 %i
  %object = load ptr, ptr %at
  %is.null = icmp eq ptr %object, null
  br i1 %is.null, label %next, label %drop
drop:
  call void %decref(ptr %object)
  br label %next
next:
  %i.next = add i64 %i, 1
  br label %loop
done:
  ret void
}

; The list of the results, or the one result; takes their references.
define internal ptr @collect(ptr %descriptor, ptr %results, i64 %count) {
entry:
  %flags.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 5
  %flags = load i64, ptr %flags.at
  %single.bit = and i64 %flags, 1
  %single = icmp ne i64 %single.bit, 0
  br i1 %single, label %one, label %many
one:
  %first = load ptr, ptr %results
  ret ptr %first
many:
  %new.list = load ptr, ptr @host.PyList_New
  %list = call ptr %new.list(i64 %count)
  %failed = icmp eq ptr %list, null
  br i1 %failed, label %fail, label %fill
fail:
  call void @drop_results(ptr %results, i64 %count)
  ret ptr null
fill:
  %set.item = load ptr, ptr @host.PyList_SetItem
  br label %loop
loop:
  %i = phi i64 [ 0, %fill ], [ %i.next, %item ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %item, label %done
item:
  %at = getelementptr ptr, ptr %results, i64 %i
  %object = load ptr, ptr %at
  %status = call i32 %set.item(ptr %list, i64 %i, ptr %object)
  %i.next = add i64 %i, 1
  br label %loop
done:
  ret ptr %list
}

; --- running --------------------------------------------------------------------------------------------

; Take the kept workspace, made larger if need be, or memory of this call's own where another call has the
; kept one. Writes the aligned pointer to the slot; the result is null (kept), the memory to free, or -1.
define internal ptr @take_workspace(ptr %descriptor, ptr %slot, i64 %nbytes) {
entry:
  %raw.nbytes = add i64 %nbytes, 64
  %busy.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 14
  %busy = load i64, ptr %busy.at
  %is.busy = icmp ne i64 %busy, 0
  %malloc = load ptr, ptr @host.PyMem_RawMalloc
  br i1 %is.busy, label %own, label %kept
own:
  %fresh = call ptr %malloc(i64 %raw.nbytes)
  %no.fresh = icmp eq ptr %fresh, null
  br i1 %no.fresh, label %fail, label %set
kept:
  %workspace.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 12
  %workspace = load ptr, ptr %workspace.at
  %capacity.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 13
  %capacity = load i64, ptr %capacity.at
  %enough = icmp sge i64 %capacity, %nbytes
  br i1 %enough, label %mark, label %grow
grow:
  %free = load ptr, ptr @host.PyMem_RawFree
  call void %free(ptr %workspace)
  store ptr null, ptr %workspace.at
  store i64 0, ptr %capacity.at
  %larger = call ptr %malloc(i64 %raw.nbytes)
  %no.larger = icmp eq ptr %larger, null
  br i1 %no.larger, label %fail, label %grown
grown:
  store ptr %larger, ptr %workspace.at
  store i64 %nbytes, ptr %capacity.at
  br label %mark
mark:
  %memory.kept = phi ptr [ %workspace, %kept ], [ %larger, %grown ]
  store i64 1, ptr %busy.at
  br label %set
set:
  %memory = phi ptr [ %fresh, %own ], [ %memory.kept, %mark ]
  %to.free = phi ptr [ %fresh, %own ], [ null, %mark ]
  %address = ptrtoint ptr %memory to i64
  %bumped = add i64 %address, 63
  %aligned = and i64 %bumped, -64
  store i64 %aligned, ptr %slot
  ret ptr %to.free
fail:
  ret ptr inttoptr (i64 -1 to ptr)
}

define internal i32 @run(ptr %descriptor, ptr %slots, i64 %nbytes) {
entry:
  %run.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 0
  %run = load ptr, ptr %run.at
  %flags.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 5
  %flags = load i64, ptr %flags.at
  %long.bit = and i64 %flags, 2
  %is.long = icmp ne i64 %long.bit, 0
  %limit.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 6
  %limit = load i64, ptr %limit.at
  %is.large = icmp sgt i64 %nbytes, %limit
  %release = or i1 %is.long, %is.large
  br i1 %release, label %without.gil, label %with.gil
with.gil:
  %status.0 = call i32 %run(ptr %slots)
  ret i32 %status.0
without.gil:
  %save = load ptr, ptr @host.PyEval_SaveThread
  %restore = load ptr, ptr @host.PyEval_RestoreThread
  %thread = call ptr %save()
  %status.1 = call i32 %run(ptr %slots)
  call void %restore(ptr %thread)
  ret i32 %status.1
}

; Raise the error of a check: the Python function does.
define internal ptr @fail(ptr %descriptor, i32 %status, ptr %info) {
  %error.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 11
  %error = load ptr, ptr %error.at
  %i0 = load i64, ptr %info
  %info.1 = getelementptr i64, ptr %info, i64 1
  %i1 = load i64, ptr %info.1
  %info.2 = getelementptr i64, ptr %info, i64 2
  %i2 = load i64, ptr %info.2
  %info.3 = getelementptr i64, ptr %info, i64 3
  %i3 = load i64, ptr %info.3
  %call = load ptr, ptr @host.PyObject_CallFunction
  %result = call ptr (ptr, ptr, ...) %call(ptr %error, ptr @error_format, i32 %status, i64 %i0, i64 %i1,
                                           i64 %i2, i64 %i3)
  ret ptr %result
}

@error_format = private constant [6 x i8] c"iLLLL\00"

; Packs `objects`, one for each of the first `given` inputs (lists hold the others), runs, and gives the outputs: a new reference. Null with an exception set;
; NotImplemented where an argument does not fit as it is, and, where the call `converts`, cannot be converted here.
; `outs` is null, or an array for each output, null or None where it is to be a new one; NotImplemented, too, where
; one cannot serve.
define internal ptr @call(ptr %descriptor, ptr %objects, i64 %given, ptr %outs, i1 %converts) {
entry:
  %n.inputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 2
  %n.inputs = load i64, ptr %n.inputs.at
  %converted = alloca ptr, i64 %n.inputs  ; arrays to which we hold references
  %count.at = alloca i64
  store i64 0, ptr %count.at
  %result = call ptr @call_with(ptr %descriptor, ptr %objects, i64 %given, ptr %outs, i1 %converts, ptr %converted,
                                ptr %count.at)
  %count = load i64, ptr %count.at
  call void @drop_results(ptr %converted, i64 %count)
  ret ptr %result
}

define internal ptr @call_with(ptr %descriptor, ptr %args, i64 %n.given, ptr %outs, i1 %converts, ptr %converted,
                               ptr %count.at) {
entry:
  %n.inputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 2
  %n.inputs = load i64, ptr %n.inputs.at
  %n.outputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 3
  %n.outputs = load i64, ptr %n.outputs.at
  %n.slots.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 4
  %n.slots = load i64, ptr %n.slots.at
  %inputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 8
  %inputs = load ptr, ptr %inputs.at
  %outputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 9
  %outputs = load ptr, ptr %outputs.at
  %slots = alloca i64, i64 %n.slots
  %cells = alloca [2 x i64], i64 %n.inputs, align 16
  %results = alloca ptr, i64 %n.outputs
  %output.slots = alloca ptr, i64 %n.outputs
  br label %input.loop

input.loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %packed ]
  %in.slot = phi ptr [ %slots, %entry ], [ %in.slot.next, %packed ]
  %in.nbytes = phi i64 [ 0, %entry ], [ %in.nbytes.next, %packed ]
  %more.inputs = icmp slt i64 %i, %n.inputs
  br i1 %more.inputs, label %pack, label %query
pack:
  %input = getelementptr %Input, ptr %inputs, i64 %i
  %is.argument = icmp slt i64 %i, %n.given
  br i1 %is.argument, label %argument, label %held
argument:
  %arg.at = getelementptr ptr, ptr %args, i64 %i
  %arg.given = load ptr, ptr %arg.at
  br label %value
held: ; another thread may exchange it while native code reads it
  %list.at = getelementptr %Input, ptr %input, i32 0, i32 11
  %list = load ptr, ptr %list.at
  %get.item = load ptr, ptr @host.PyList_GetItem
  %arg.held = call ptr %get.item(ptr %list, i64 0)
  %hold = load ptr, ptr @host.Py_IncRef
  call void %hold(ptr %arg.held)
  %count.held = load i64, ptr %count.at
  %held.at = getelementptr ptr, ptr %converted, i64 %count.held
  store ptr %arg.held, ptr %held.at
  %count.held.next = add i64 %count.held, 1
  store i64 %count.held.next, ptr %count.at
  br label %value
value:
  %arg = phi ptr [ %arg.given, %argument ], [ %arg.held, %held ]
  %cell = getelementptr [2 x i64], ptr %cells, i64 %i
  %nbytes.plain = call i64 @pack(ptr %input, ptr %arg, ptr %cell, ptr %in.slot)
  %plain = icmp sge i64 %nbytes.plain, 0
  br i1 %plain, label %packed, label %other
other:
  %may.convert = and i1 %converts, %is.argument
  br i1 %may.convert, label %convert, label %not.plain
convert:
  %made.array = call ptr @convert(ptr %input, ptr %arg)
  %not.made.array = icmp eq ptr %made.array, null
  br i1 %not.made.array, label %not.plain, label %again
again:
  %count = load i64, ptr %count.at
  %mine = getelementptr ptr, ptr %converted, i64 %count
  store ptr %made.array, ptr %mine
  %count.next = add i64 %count, 1
  store i64 %count.next, ptr %count.at
  %nbytes.made = call i64 @pack(ptr %input, ptr %made.array, ptr %cell, ptr %in.slot)
  %fits = icmp sge i64 %nbytes.made, 0
  br i1 %fits, label %packed, label %not.plain
packed:
  %nbytes = phi i64 [ %nbytes.plain, %value ], [ %nbytes.made, %again ]
  %in.rank.at = getelementptr %Input, ptr %input, i32 0, i32 2
  %in.rank = load i64, ptr %in.rank.at
  %in.slot.dims = getelementptr i64, ptr %in.slot, i64 %in.rank
  %in.slot.next = getelementptr i64, ptr %in.slot.dims, i64 1
  %in.nbytes.next = add i64 %in.nbytes, %nbytes
  %i.next = add i64 %i, 1
  br label %input.loop

not.plain:
  %not.implemented = call ptr @not_implemented()
  ret ptr %not.implemented

query:
  %end = getelementptr i64, ptr %slots, i64 %n.slots
  %workspace = getelementptr i64, ptr %end, i64 -6
  %info = getelementptr i64, ptr %end, i64 -4
  call void @llvm.memset.p0.i64(ptr align 8 %workspace, i8 0, i64 48, i1 false)
  %query.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 1
  %query.entry = load ptr, ptr %query.at
  %query.status = call i32 %query.entry(ptr %slots)
  %query.ok = icmp eq i32 %query.status, 0
  br i1 %query.ok, label %output.loop, label %query.failed
query.failed:
  %query.error = call ptr @fail(ptr %descriptor, i32 %query.status, ptr %info)
  ret ptr %query.error

output.loop:
  %o = phi i64 [ 0, %query ], [ %o.next, %made ]
  %out.slot = phi ptr [ %in.slot, %query ], [ %out.slot.next, %made ]
  %all.nbytes = phi i64 [ %in.nbytes, %query ], [ %all.nbytes.next, %made ]
  %more.outputs = icmp slt i64 %o, %n.outputs
  br i1 %more.outputs, label %make, label %prepare
make:
  %output = getelementptr %Output, ptr %outputs, i64 %o
  %dims = getelementptr i64, ptr %out.slot, i64 1
  %out.nbytes = call i64 @output_nbytes(ptr %output, ptr %dims)
  %no.outs = icmp eq ptr %outs, null
  br i1 %no.outs, label %make.new, label %which.out
which.out:
  %given.at = getelementptr ptr, ptr %outs, i64 %o
  %given = load ptr, ptr %given.at
  %given.null = icmp eq ptr %given, null
  %none = load ptr, ptr @host.Py_None
  %given.none = icmp eq ptr %given, %none
  %not.given = or i1 %given.null, %given.none
  br i1 %not.given, label %make.new, label %take.given
take.given:
  %serves = call i1 @serves(ptr %output, ptr %dims, ptr %given)
  br i1 %serves, label %take.apart, label %not.taken
take.apart:
  %shared = call i1 @is_shared(ptr %descriptor, ptr %slots, ptr %results, i64 %o, ptr %given, i64 %out.nbytes)
  br i1 %shared, label %not.taken, label %taken
taken:
  %incref = load ptr, ptr @host.Py_IncRef
  call void %incref(ptr %given)
  br label %have
not.taken:
  call void @drop_results(ptr %results, i64 %o)
  br label %not.plain
make.new:
  %new.array = call ptr @make_output(ptr %output, ptr %dims, i64 %out.nbytes, ptr %descriptor)
  br label %have
have:
  %array = phi ptr [ %given, %taken ], [ %new.array, %make.new ]
  %result.at = getelementptr ptr, ptr %results, i64 %o
  store ptr %array, ptr %result.at
  %output.slot.at = getelementptr ptr, ptr %output.slots, i64 %o
  store ptr %out.slot, ptr %output.slot.at
  %no.array = icmp eq ptr %array, null
  br i1 %no.array, label %not.made, label %made
not.made:
  call void @drop_results(ptr %results, i64 %o)
  ret ptr null
made:
  %array.data.at = getelementptr %Array, ptr %array, i32 0, i32 1
  %array.data = load ptr, ptr %array.data.at
  store ptr %array.data, ptr %out.slot
  %out.rank.at = getelementptr %Output, ptr %output, i32 0, i32 1
  %out.rank = load i64, ptr %out.rank.at
  %out.slot.dims = getelementptr i64, ptr %out.slot, i64 %out.rank
  %out.slot.next = getelementptr i64, ptr %out.slot.dims, i64 1
  %all.nbytes.next = add i64 %all.nbytes, %out.nbytes
  %o.next = add i64 %o, 1
  br label %output.loop

prepare: ; nothing from here to the run may run other Python code: the workspace is taken
  %workspace.nbytes.at = getelementptr i64, ptr %workspace, i64 1
  %workspace.nbytes = load i64, ptr %workspace.nbytes.at
  %with.workspace = icmp sgt i64 %workspace.nbytes, 0
  %busy.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 14
  br i1 %with.workspace, label %take, label %bare
take:
  %own = call ptr @take_workspace(ptr %descriptor, ptr %workspace, i64 %workspace.nbytes)
  %no.memory = icmp eq ptr %own, inttoptr (i64 -1 to ptr)
  br i1 %no.memory, label %out.of.memory, label %with
out.of.memory: ; status -1: the error function knows it
  call void @drop_results(ptr %results, i64 %n.outputs)
  store i64 %workspace.nbytes, ptr %info
  %memory.error = call ptr @fail(ptr %descriptor, i32 -1, ptr %info)
  ret ptr %memory.error
with:
  %touched = add i64 %all.nbytes, %workspace.nbytes
  %status.with = call i32 @run(ptr %descriptor, ptr %slots, i64 %touched)
  %is.kept = icmp eq ptr %own, null
  br i1 %is.kept, label %give.back, label %free.own
give.back:
  store i64 0, ptr %busy.at
  br label %ran
free.own:
  %free = load ptr, ptr @host.PyMem_RawFree
  call void %free(ptr %own)
  br label %ran
bare:
  %status.bare = call i32 @run(ptr %descriptor, ptr %slots, i64 %all.nbytes)
  br label %ran

ran:
  %status = phi i32 [ %status.bare, %bare ], [ %status.with, %give.back ], [ %status.with, %free.own ]
  %ok = icmp eq i32 %status, 0
  br i1 %ok, label %trim.loop, label %failed
failed:
  call void @drop_results(ptr %results, i64 %n.outputs)
  %error = call ptr @fail(ptr %descriptor, i32 %status, ptr %info)
  ret ptr %error

trim.loop:
  %t = phi i64 [ 0, %ran ], [ %t.next, %trimmed ]
  %more.results = icmp slt i64 %t, %n.outputs
  br i1 %more.results, label %trim, label %finish
trim:
  %t.output = getelementptr %Output, ptr %outputs, i64 %t
  %t.result.at = getelementptr ptr, ptr %results, i64 %t
  %t.result = load ptr, ptr %t.result.at
  %t.slot.at = getelementptr ptr, ptr %output.slots, i64 %t
  %t.slot = load ptr, ptr %t.slot.at
  %part = call ptr @trim(ptr %t.output, ptr %t.result, ptr %t.slot)
  store ptr %part, ptr %t.result.at
  %no.part = icmp eq ptr %part, null
  br i1 %no.part, label %not.trimmed, label %trimmed
not.trimmed:
  call void @drop_results(ptr %results, i64 %n.outputs)
  ret ptr null
trimmed:
  %t.next = add i64 %t, 1
  br label %trim.loop

finish:
  %result = call ptr @collect(ptr %descriptor, ptr %results, i64 %n.outputs)
  ret ptr %result
}

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal ptr @not_implemented() {
  %not.implemented = load ptr, ptr @host.Py_NotImplemented
  %incref = load ptr, ptr @host.Py_IncRef
  call void %incref(ptr %not.implemented)
  ret ptr %not.implemented
}

define ptr @scancc_call(ptr %self, ptr %args, i64 %nargs) {
entry:
  %get.pointer = load ptr, ptr @host.PyCapsule_GetPointer
  %descriptor = call ptr %get.pointer(ptr %self, ptr null)
  %n.inputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 2
  %n.inputs = load i64, ptr %n.inputs.at
  %right.count = icmp eq i64 %nargs, %n.inputs
  br i1 %right.count, label %plain, label %wrong
plain:
  %result = call ptr @call(ptr %descriptor, ptr %args, i64 %nargs, ptr null, i1 false)
  ret ptr %result
wrong:
  %not.implemented = call ptr @not_implemented()
  ret ptr %not.implemented
}

; Without keywords the elements of the tuple are the arguments; Python makes names and values of a dict.
define ptr @scancc_object_call(ptr %self, ptr %tuple, ptr %keywords) {
entry:
  %n.at = getelementptr %Tuple, ptr %tuple, i32 0, i32 1
  %n = load i64, ptr %n.at
  %args = getelementptr %Tuple, ptr %tuple, i32 0, i32 2
  %no.keywords = icmp eq ptr %keywords, null
  br i1 %no.keywords, label %plain, label %with
plain:
  %result = call ptr @scancc_method(ptr %self, ptr %args, i64 %n, ptr null)
  ret ptr %result
with:
  %n.all = add i64 %n, 1
  %all = alloca ptr, i64 %n.all
  store ptr %self, ptr %all
  %rest = getelementptr ptr, ptr %all, i64 1
  %nbytes = mul i64 %n, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %rest, ptr %args, i64 %nbytes, i1 false)
  %method = load ptr, ptr @host.method
  %call = load ptr, ptr @host.PyObject_VectorcallDict
  %found = call ptr %call(ptr %method, ptr %all, i64 %n.all, ptr %keywords)
  ret ptr %found
}

define ptr @scancc_method(ptr %self, ptr %args, i64 %nargs, ptr %kwnames) {
entry:
  %offset = load i64, ptr @host.native
  %capsule.at = getelementptr i8, ptr %self, i64 %offset
  %capsule = load ptr, ptr %capsule.at
  %none = load ptr, ptr @host.Py_None
  %is.none = icmp eq ptr %capsule, %none
  %is.unset = icmp eq ptr %capsule, null
  %no.capsule = or i1 %is.none, %is.unset
  br i1 %no.capsule, label %slowly, label %arrange
arrange: ; the call may put another one there
  %incref = load ptr, ptr @host.Py_IncRef
  call void %incref(ptr %capsule)
  %get.pointer = load ptr, ptr @host.PyCapsule_GetPointer
  %descriptor = call ptr %get.pointer(ptr %capsule, ptr null)
  %no.keywords = icmp eq ptr %kwnames, null
  %n.arguments.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 15
  %n.arguments = load i64, ptr %n.arguments.at
  br i1 %no.keywords, label %count, label %keywords
count:
  %right.count = icmp eq i64 %nargs, %n.arguments
  br i1 %right.count, label %call, label %drop
keywords:
  %placed = alloca ptr, i64 %n.arguments
  %out.at = alloca ptr
  store ptr null, ptr %out.at
  %all.placed = call i1 @place_keywords(ptr %descriptor, ptr %args, i64 %nargs, ptr %kwnames, ptr %placed,
                                        ptr %out.at)
  br i1 %all.placed, label %outs, label %drop
outs:
  %n.outputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 3
  %n.outputs = load i64, ptr %n.outputs.at
  %outs.here = alloca ptr, i64 %n.outputs
  %outs.given = call ptr @outs_of(ptr %descriptor, ptr %out.at, ptr %outs.here)
  %outs.wrong = icmp eq ptr %outs.given, inttoptr (i64 -1 to ptr)
  br i1 %outs.wrong, label %drop, label %call
call:
  %objects = phi ptr [ %args, %count ], [ %placed, %outs ]
  %outs.all = phi ptr [ null, %count ], [ %outs.given, %outs ]
  %result = call ptr @call(ptr %descriptor, ptr %objects, i64 %n.arguments, ptr %outs.all, i1 true)
  %not.implemented = load ptr, ptr @host.Py_NotImplemented
  %is.left = icmp eq ptr %result, %not.implemented
  %decref = load ptr, ptr @host.Py_DecRef
  br i1 %is.left, label %left, label %done
done:
  call void %decref(ptr %capsule)
  ret ptr %result
left:
  call void %decref(ptr %result)
  br label %drop
drop:
  %decref.1 = load ptr, ptr @host.Py_DecRef
  call void %decref.1(ptr %capsule)
  br label %slowly
slowly:
  %slow.result = call ptr @call_slowly(ptr %self, ptr %args, i64 %nargs, ptr %kwnames)
  ret ptr %slow.result
}

; The arrays of the keyword `out`, one for each output, at `here`: from a list where the function gives a list.
; Null where there is none, -1 where it is no such thing.
define internal ptr @outs_of(ptr %descriptor, ptr %out.at, ptr %here) {
entry:
  %out = load ptr, ptr %out.at
  %none = load ptr, ptr @host.Py_None
  %no.out = icmp eq ptr %out, null
  %out.none = icmp eq ptr %out, %none
  %not.given = or i1 %no.out, %out.none
  br i1 %not.given, label %nothing, label %which
nothing:
  ret ptr null
which:
  %flags.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 5
  %flags = load i64, ptr %flags.at
  %single.bit = and i64 %flags, 1
  %single = icmp ne i64 %single.bit, 0
  br i1 %single, label %one, label %many
one:
  ret ptr %out.at
many:
  %type.at = getelementptr %Object, ptr %out, i32 0, i32 2
  %type = load ptr, ptr %type.at
  %list.type = load ptr, ptr @host.PyList_Type
  %is.list = icmp eq ptr %type, %list.type
  br i1 %is.list, label %list, label %wrong
list:
  %size = load ptr, ptr @host.PyList_Size
  %n = call i64 %size(ptr %out)
  %n.outputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 3
  %n.outputs = load i64, ptr %n.outputs.at
  %right.count = icmp eq i64 %n, %n.outputs
  %item = load ptr, ptr @host.PyList_GetItem
  br i1 %right.count, label %loop, label %wrong
loop:
  %o = phi i64 [ 0, %list ], [ %o.next, %next ]
  %more = icmp slt i64 %o, %n
  br i1 %more, label %next, label %done
next:
  %object = call ptr %item(ptr %out, i64 %o)
  %at = getelementptr ptr, ptr %here, i64 %o
  store ptr %object, ptr %at
  %o.next = add i64 %o, 1
  br label %loop
done:
  ret ptr %here
wrong:
  ret ptr inttoptr (i64 -1 to ptr)
}

; Writes the arguments in the order of the inputs, and that of `out`; false where a name is not known, or an input
; has none or two.
define internal i1 @place_keywords(ptr %descriptor, ptr %args, i64 %nargs, ptr %kwnames, ptr %placed, ptr %out.at) {
entry:
  %n.inputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 15
  %n.inputs = load i64, ptr %n.inputs.at
  %inputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 8
  %inputs = load ptr, ptr %inputs.at
  %size = load ptr, ptr @host.PyTuple_Size
  %n.keywords = call i64 %size(ptr %kwnames)
  %out.name = load ptr, ptr @host.out
  %too.many = icmp sgt i64 %nargs, %n.inputs
  br i1 %too.many, label %no, label %copy
copy:
  %nbytes = mul i64 %nargs, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %placed, ptr %args, i64 %nbytes, i1 false)
  %first.open = getelementptr ptr, ptr %placed, i64 %nargs
  %n.open = sub i64 %n.inputs, %nargs
  %nbytes.open = mul i64 %n.open, 8
  call void @llvm.memset.p0.i64(ptr %first.open, i8 0, i64 %nbytes.open, i1 false)
  br label %keyword
keyword:
  %k = phi i64 [ 0, %copy ], [ %k.next, %put ]
  %filled = phi i64 [ %nargs, %copy ], [ %filled.next, %put ]
  %more = icmp slt i64 %k, %n.keywords
  br i1 %more, label %look, label %last
look:
  %item = load ptr, ptr @host.PyTuple_GetItem
  %name = call ptr %item(ptr %kwnames, i64 %k)
  br label %input
input: ; an input that is called `out` comes before the keyword
  %i = phi i64 [ 0, %look ], [ %i.next, %other ]
  %more.inputs = icmp slt i64 %i, %n.inputs
  br i1 %more.inputs, label %compare, label %no.input
compare:
  %known.at = getelementptr %Input, ptr %inputs, i64 %i, i32 10
  %known = load ptr, ptr %known.at
  %same = icmp eq ptr %known, %name
  br i1 %same, label %place, label %other
other:
  %i.next = add i64 %i, 1
  br label %input
no.input:
  %is.out = icmp eq ptr %name, %out.name
  br i1 %is.out, label %put, label %no
place:
  %place.at = getelementptr ptr, ptr %placed, i64 %i
  %before = load ptr, ptr %place.at
  %is.free = icmp eq ptr %before, null
  br i1 %is.free, label %put, label %no
put:
  %where = phi ptr [ %place.at, %place ], [ %out.at, %no.input ]
  %more.filled = phi i64 [ 1, %place ], [ 0, %no.input ]
  %from = add i64 %nargs, %k
  %value.at = getelementptr ptr, ptr %args, i64 %from
  %value = load ptr, ptr %value.at
  store ptr %value, ptr %where
  %filled.next = add i64 %filled, %more.filled
  %k.next = add i64 %k, 1
  br label %keyword
last: ; none was filled twice, so none is empty where all were filled
  %all = icmp eq i64 %filled, %n.inputs
  ret i1 %all
no:
  ret i1 false
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

; self._call_slowly(*args, **keywords)
define internal ptr @call_slowly(ptr %self, ptr %args, i64 %nargs, ptr %kwnames) {
entry:
  %no.keywords = icmp eq ptr %kwnames, null
  br i1 %no.keywords, label %copy, label %count
count:
  %size = load ptr, ptr @host.PyTuple_Size
  %n.keywords = call i64 %size(ptr %kwnames)
  br label %copy
copy:
  %n.more = phi i64 [ 0, %entry ], [ %n.keywords, %count ]
  %n.values = add i64 %nargs, %n.more
  %n.all = add i64 %n.values, 1
  %all = alloca ptr, i64 %n.all
  store ptr %self, ptr %all
  %rest = getelementptr ptr, ptr %all, i64 1
  %nbytes = mul i64 %n.values, 8
  call void @llvm.memcpy.p0.p0.i64(ptr %rest, ptr %args, i64 %nbytes, i1 false)
  %n.positional = add i64 %nargs, 1
  %name = load ptr, ptr @host.call_slowly
  %call = load ptr, ptr @host.PyObject_VectorcallMethod
  %result = call ptr %call(ptr %name, ptr %all, i64 %n.positional, ptr %kwnames)
  ret ptr %result
}

; The capsule's destructor: drop what the descriptor owns, then the descriptor itself (its owner has it).
define void @scancc_release(ptr %self) {
entry:
  %get.pointer = load ptr, ptr @host.PyCapsule_GetPointer
  %descriptor = call ptr %get.pointer(ptr %self, ptr null)
  %decref = load ptr, ptr @host.Py_DecRef
  %outputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 9
  %outputs = load ptr, ptr %outputs.at
  %n.outputs.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 3
  %n.outputs = load i64, ptr %n.outputs.at
  br label %loop
loop:
  %o = phi i64 [ 0, %entry ], [ %o.next, %next ]
  %more = icmp slt i64 %o, %n.outputs
  br i1 %more, label %output, label %rest
output:
  %last.at = getelementptr %Output, ptr %outputs, i64 %o, i32 3
  %last = load ptr, ptr %last.at
  %none = icmp eq ptr %last, null
  br i1 %none, label %next, label %drop
drop:
  store ptr null, ptr %last.at
  call void %decref(ptr %last)
  br label %next
next:
  %o.next = add i64 %o, 1
  br label %loop
rest:
  %workspace.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 12
  %workspace = load ptr, ptr %workspace.at
  %free = load ptr, ptr @host.PyMem_RawFree
  call void %free(ptr %workspace)
  store ptr null, ptr %workspace.at
  %owner.at = getelementptr %Descriptor, ptr %descriptor, i32 0, i32 10
  %owner = load ptr, ptr %owner.at
  call void %decref(ptr %owner)
  ret void
}

; --- interrupts -----------------------------------------------------------------------------------------

@asked = internal global i64 0                        ; the second in which it was last asked
@scancc_raised = global [3 x ptr] zeroinitializer     ; what a handler raised: type, value, traceback (owned)

; Long loops call this now and then: handlers of signals run, in the main thread, once a second; 1 where one
; raises. The caller may hold the GIL or not.
define i32 @scancc_poll() {
entry:
  %time = load ptr, ptr @host.time
  %now = call i64 %time(ptr null)
  %last = load i64, ptr @asked
  %same = icmp eq i64 %now, %last
  br i1 %same, label %go.on, label %whose
whose:
  %ident = load ptr, ptr @host.PyThread_get_thread_ident
  %self = call i64 %ident()
  %main = load i64, ptr @host.main_thread
  %is.main = icmp eq i64 %self, %main
  br i1 %is.main, label %look, label %go.on
look:
  store i64 %now, ptr @asked
  %ensure = load ptr, ptr @host.PyGILState_Ensure
  %release = load ptr, ptr @host.PyGILState_Release
  %state = call i32 %ensure()
  %check = load ptr, ptr @host.PyErr_CheckSignals
  %answer = call i32 %check()
  %calm = icmp eq i32 %answer, 0
  br i1 %calm, label %done, label %keep
keep:
  %fetch = load ptr, ptr @host.PyErr_Fetch
  call void %fetch(ptr @scancc_raised, ptr getelementptr (ptr, ptr @scancc_raised, i64 1),
                   ptr getelementptr (ptr, ptr @scancc_raised, i64 2))
  br label %done
done:
  call void %release(i32 %state)
  %found = zext i1 %calm to i32
  %stop = xor i32 %found, 1
  ret i32 %stop
go.on:
  ret i32 0
}
