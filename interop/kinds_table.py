"""README's table of kinds: each row as the suites have it, so that it names what is tried."""

import os

import kinds
import kinds_hops
import kinds_socks
import kinds_stdio
from kinds_ends import TCP
from traffic import check

HEAD = "| kind | `adit` to | to `aditd` from |"


def row(kind, servers, clients):
    return f"| {kind} | {', '.join(servers) or '-'} | {', '.join(clients) or '-'} |"


def rows():
    """Each kind with both roles."""
    names = {TCP: "port", "unix": "path"}
    for kind in kinds.EVERY:
        way, listen, to = kind
        yield row(
            f"`{way}` {names[listen]} to {names[to]}",
            [s for c, s in kinds.PAIRS if c == "adit" and kind in kinds.kinds(c, s)],
            [c for c, s in kinds.PAIRS if s == "aditd" and kind in kinds.kinds(c, s)],
        )
    yield row(
        "`-R 0`, a port that the server chooses",
        [s for c, s in kinds.PAIRS if c == "adit"],
        [c for c, s in kinds.PAIRS if s == "aditd" and c in kinds.ALLOCATED],
    )
    servers = [s for c, s in kinds_socks.PAIRS if c == "adit"]
    clients = [c for c, s in kinds_socks.PAIRS if s == "aditd"]
    yield row("`-D`: SOCKS 4, 4a and 5, with curl", servers, clients)
    connect = [c for c in clients if "--proxytunnel" in kinds_socks.DYNAMIC[c]]
    yield row("`-D`: CONNECT, with curl", servers, connect)
    reverse = [c for c in clients if c in kinds_socks.REVERSES]
    ours = servers if "adit" in kinds_socks.REVERSES else []
    yield row("`-R` port alone: both of them at the server", ours, reverse)
    yield row(
        "`-W`: a pipe, a file, a socket",
        [s for c, s in kinds_stdio.PAIRS if c == "adit"],
        [c for c, s in kinds_stdio.PAIRS if s == "aditd"],
    )
    yield row("`-J`, each of them as a hop, and eight hops", kinds_hops.HOPS, kinds_hops.JUMPERS)
    yield row("`ProxyCommand`, with each of them as the command", kinds_hops.COMMANDS["adit"], kinds_hops.COMMANDS["ssh"])


def the_table_of_the_readme_is_what_is_tried():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "README.md")
    lines = open(path).read().splitlines()
    check(HEAD in lines, f"no {HEAD!r} in README.md")
    at = lines.index(HEAD) + 2
    expected = list(rows())
    found = lines[at : at + len(expected)]
    check(found == expected, "README.md has another table than\n" + "\n".join(expected))


def job(run, world):
    run.case("kinds: the table of the README is what is tried", the_table_of_the_readme_is_what_is_tried)


if __name__ == "__main__":
    print(HEAD, "|---|---|---|", *rows(), sep="\n")
