"""Cases that mostly wait, all begun before the first is waited for."""

import concurrent.futures

from lab import Failed
from traffic import check

# As many failures of one case as anybody reads.
SAID_MAX = 3


def together(run, some, workers=8):
    """`some` are name, function and arguments; those of one name are one case."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        begun = {}
        for name, function, arguments in some:
            if run.wants(name):
                begun.setdefault(name, []).append((function, arguments, pool.submit(function, *arguments)))
        for name, tries in begun.items():
            run.case(name, all_of, tries)


def all_of(tries):
    """Waits for them; those that failed are said, with what they were given."""
    said = []
    for function, arguments, result in tries:
        try:
            result.result()
        except (Failed, OSError) as failed:
            given = [str(a) for a in arguments if isinstance(a, (str, int))]
            said.append(f"{', '.join([function.__name__, *given])}: {failed}")
    check(not said, f"{len(said)} of {len(tries)}\n" + "\n".join(said[:SAID_MAX]))


def titled(suite, function):
    """The name of a case, as it is written."""
    return f"{suite}: {function.__name__.replace('_', ' ')}"
