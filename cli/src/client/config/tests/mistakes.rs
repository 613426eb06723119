//! What is wrong in a file, and what is no file for people.

use super::*;

#[test]
fn mistakes_are_named_with_their_lines_and_counted() {
    let (said, end) = wrong("Port 1\nFoo x\nHost other\n Port x\n Bar\nUser \"a");
    let at = |line| format!("{USER} line {line}");
    assert_eq!(
        said,
        [
            format!("{USER}: line 2: Bad configuration option: foo"),
            format!("{}: Bad port 'x'.", at(4)),
            format!("{}: no argument after keyword \"bar\"", at(5)),
            format!("{}: invalid quotes", at(6)),
        ]
    );
    assert_eq!(
        end,
        format!("{USER}: terminating, 4 bad configuration options")
    );
    for (text, what) in [
        (&b"Host"[..], "no argument after keyword \"host\""),
        (b"User \"\"", "Missing argument."),
        (b"Host a \"\"", "keyword host empty argument"),
        (b"Match", "no argument after keyword \"match\""),
        (b"Include", "no argument after keyword \"include\""),
        (b"Include \"\"", "bad include path ."),
        (b"Include ~you/x", "bad include path ~you/x."),
        (b"User \xff", "it is not UTF-8"),
        (b"User\0", "there is a NUL byte in it"),
        (b"Port 1 2", "keyword port extra arguments at end of line"),
        (
            b"User \"\x1b[2J\" x",
            "keyword user extra arguments at end of line",
        ),
        (
            b"BatchMode \"\x1b[2J\"",
            "unsupported option \"\\u{1b}[2J\".",
        ),
    ] {
        let (said, end) = wrong(text);
        assert_eq!(said, [format!("{}: {what}", at(1))]);
        assert_eq!(
            end,
            format!("{USER}: terminating, 1 bad configuration options")
        );
    }
    let (said, _) = wrong("Match nonsense x");
    assert_eq!(
        said,
        [
            format!("{}: Unsupported Match attribute nonsense", at(1)),
            format!("{}: Bad Match condition", at(1))
        ]
    );
}

#[test]
fn a_file_that_is_no_configuration_does_not_flood_the_terminal() {
    for (lines, shown) in [(19, 19), (20, 20), (21, 20)] {
        assert_eq!(wrong("nonsense x\n".repeat(lines)).0.len(), shown);
    }
    let (said, end) = wrong("nonsense x\n".repeat(50_000));
    assert_eq!(said.len(), 20);
    assert_eq!(
        end,
        format!("{USER}: terminating, 50000 bad configuration options")
    );
    let long = "x".repeat(1 << 20);
    let (said, _) = wrong(&long);
    assert!(said.iter().all(|line| line.len() < 1200));
}
