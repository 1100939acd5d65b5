"""What importing the package, and attaching it, does to the process: nothing."""

from tests.package.environments import Environment

PROBE = """
import gc, logging, signal, sys, warnings, asyncio, os, threading, importlib

modules = sys.argv[1].split(",")
for name in modules:
    importlib.import_module(name)
import fastapi


def global_state():
    root = logging.getLogger()
    return {
        "handlers": list(root.handlers),
        "level": root.level,
        "filters": list(root.filters),
        "logger class": logging.getLoggerClass(),
        "record factory": logging.getLogRecordFactory(),
        "level names": logging.getLevelNamesMapping(),
        "gc": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), list(gc.callbacks)),
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "warnings": list(warnings.filters),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook),
        "policy": type(asyncio.get_event_loop_policy()),
        "threads": [each.name for each in threading.enumerate()],
        "environment": dict(os.environ),
        "path": list(sys.path),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval()),
    }


def patched(owner):
    return {name: id(value) for name, value in vars(owner).items()}


def libraries():
    found = {}
    for module in map(sys.modules.get, modules):
        # A submodule that is imported becomes an attribute of its package.
        here = {k: v for k, v in vars(module).items() if type(v) is not type(sys)}
        found[module.__name__] = {name: id(value) for name, value in here.items()}
        for name, value in here.items():
            if isinstance(value, type):
                found[f"{module.__name__}.{name}"] = {
                    k: id(v) for k, v in vars(value).items() if not k.startswith(("_abc", "__"))
                }
    return found


before, theirs = global_state(), libraries()
held = [vars(sys.modules[name]).copy() for name in modules]
import fastapi_mooring
app = fastapi.FastAPI()
mooring = fastapi_mooring.Mooring(app, fastapi_mooring.Settings())
app.include_router(mooring.session_router())
after, theirs_after = global_state(), libraries()
for name, value in before.items():
    if after[name] != value:
        print(name, value, after[name])
for name, attributes in theirs.items():
    for attribute in attributes.keys() | theirs_after[name].keys():
        if attributes.get(attribute) != theirs_after[name].get(attribute):
            print(f"{name}.{attribute}")
"""
LOADED = """
import sys
before = set(sys.modules)
import fastapi_mooring
fastapi_mooring.Mooring
loaded = [n for n in sys.modules if n not in before and not n.startswith("fastapi_mooring")]
print(",".join(n for n in loaded if getattr(sys.modules[n], "__file__", None)))
"""


def test_import_and_attaching_change_nothing_global(newest: Environment) -> None:
    modules = newest.python(LOADED)
    assert "socketio" in modules
    done = newest.run(newest.program("python"), "-c", PROBE, modules)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_import_loads_no_package_of_an_extra(newest: Environment) -> None:
    # python-socketio imports redis itself, where there is one; test_extras.py does without.
    loaded = {name.partition(".")[0] for name in newest.python(LOADED).split(",")}
    assert not loaded & {"httptools", "structlog", "uvicorn", "uvloop", "websockets"}


def test_import_of_the_package_by_both_of_its_names_raises(newest: Environment) -> None:
    code = """
import sys, shutil, pathlib, fastapi_mooring
shutil.copytree(pathlib.Path(fastapi_mooring.__file__).parent, "both/app", dirs_exist_ok=True)
sys.path.insert(0, "both")
try:
    import app
except ImportError as error:
    print(error)
"""
    assert "cannot be imported beside" in newest.python(code)
