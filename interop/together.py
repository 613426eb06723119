"""Cases that mostly wait, all begun before the first is waited for."""

import concurrent.futures

from lab import Failed
from traffic import check


def together(run, some, workers):
    """`some` are name, function and arguments; those of one name are one case."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        begun = {}
        for name, function, arguments in some:
            if run.wants(name):
                begun.setdefault(name, []).append((arguments, pool.submit(function, *arguments)))
        for name, tries in begun.items():
            run.case(name, all_of, tries)


def all_of(tries):
    """Waits for them; those that failed are said, with what they were given."""
    said = []
    for arguments, result in tries:
        try:
            result.result()
        except (Failed, OSError) as failed:
            given = ", ".join(str(a) for a in arguments if isinstance(a, (str, int)))
            said.append(f"{given}: {failed}")
    check(not said, "\n".join(said))
