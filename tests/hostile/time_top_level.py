# MUST: timeout :: the loop is not even in the function
from itertools import count
for _ in count():
    pass
