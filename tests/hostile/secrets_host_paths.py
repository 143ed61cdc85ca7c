# MUST: ok [[0]] :: nothing tells where the toolkit lies or how this process was started
import gc, numpy, os, sys, traceback
def own_paths():
    yield os.path.dirname(os.path.dirname(numpy.__file__))
    yield from (sys.prefix, sys.base_prefix)
def told():
    yield from (sys.executable, sys._base_executable, *sys.argv, *sys.orig_argv, *sys.path)
    yield from sys.path_importer_cache
    yield from os.environ.values()
    frame = sys._getframe()
    while frame:
        yield from (frame.f_code.co_filename, *map(repr, frame.f_locals.values() if frame.f_back is None else ()))
        for name in ('__file__', '__cached__', '__path__', '__spec__', '__loader__'):
            yield repr(frame.f_globals.get(name))
        frame = frame.f_back
    try:
        raise ValueError
    except ValueError:
        yield from traceback.format_exc().split('"') + ''.join(traceback.format_stack()).split('"')
    for place in ('/proc/self/cmdline', '/proc/thread-self/cmdline', '/proc/1/cmdline', '/proc/self/environ', '/proc/self/maps'):
        try:
            yield from open(place, 'rb').read().decode('utf-8', 'replace').split('\0')
        except OSError:
            pass
    for each in gc.get_objects()[:-50]:
        if type(each) in (dict, list, tuple):
            texts = [*each, *each.values()] if type(each) is dict else list(each)
            yield from (text for text in texts if type(text) is str and '/utilities/%s' % 'xobdnas'[::-1] in text)
def solve_task(grid):
    own = tuple(own_paths())
    found = [text for text in told() if '/' in text and not text.startswith(own) and os.path.isabs(text.strip("[']"))]
    print(found)
    return [[9 if found else 0]]
