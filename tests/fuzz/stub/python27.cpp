// A library with the symbols by which CPython 2.7 and its variables are found, and no code.

#define EXPORTED __attribute__((visibility("default")))

extern "C" {
#define TYPE(name) EXPORTED void* name[64] = {}
TYPE(PyType_Type);
TYPE(PyClass_Type);
TYPE(PyInstance_Type);
TYPE(PyCode_Type);
TYPE(PyFrame_Type);
TYPE(PyString_Type);
TYPE(PyUnicode_Type);
TYPE(PyDict_Type);
TYPE(PyInt_Type);
TYPE(PyBool_Type);
TYPE(PyLong_Type);
TYPE(PyFunction_Type);
TYPE(PyMethod_Type);
TYPE(PyCFunction_Type);
TYPE(PyModule_Type);
TYPE(PyTuple_Type);
TYPE(PyList_Type);
TYPE(PyCell_Type);
TYPE(PyCapsule_Type);
EXPORTED void* _PyThreadState_Current = nullptr;
#ifdef IMPORTLOCK_PYDEBUG
EXPORTED void* _Py_PrintReferences = nullptr;
#endif

// Hidden, and so in the symbol table alone, as static variables are.
void* import_lock = nullptr;
long import_lock_thread = -1;
int import_lock_level = 0;
void* interp_head = nullptr;
void* interpreter_lock = nullptr;
}
