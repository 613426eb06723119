use std::ffi::OsString;
use std::os::unix::fs::symlink;

use super::*;
use crate::testing::Directory;

const NEW: &str = "new ssh-ed25519 AAAA\n";

fn names(directory: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn every_byte_is_kept_and_a_missing_end_repaired() {
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    let all: Vec<u8> = (0..=255).collect();
    for before in [
        &b""[..],
        b"old\n",
        b"old",
        b"# a\r\n\nold \n",
        b"old\r",
        b"\n\n",
        b"\0",
        &all,
        &b"line\n".repeat(100_000),
        &b"x".repeat(1 << 20),
    ] {
        fs::write(&path, before).unwrap();
        add(&path, NEW).unwrap();
        let after = fs::read(&path).unwrap();
        assert!(after == with_line(before, NEW), "{} bytes", before.len());
        assert!(after.starts_with(before) && after.ends_with(NEW.as_bytes()));
    }
    assert_eq!(names(&directory), ["known_hosts"]);
}

#[test]
fn a_line_that_is_there_is_not_added_again() {
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    let before = format!("a\n{NEW}b\n");
    fs::write(&path, &before).unwrap();
    add(&path, NEW).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn the_file_is_replaced_and_has_its_mode() {
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    for expected in [0o600, 0o644, 0o664, 0o640] {
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(expected)).unwrap();
        let old = File::open(&path).unwrap();
        add(&path, NEW).unwrap();
        assert_eq!(mode(&path), expected);
        // Whoever has the old one open reads on in the old one.
        assert!(!is_at(&old, &path).unwrap());
        assert_eq!(old.metadata().unwrap().len(), 4);
    }
}

#[test]
fn the_file_stays_whose_it_is() {
    if !nix::unistd::geteuid().is_root() {
        // Nobody else can give files away.
        return;
    }
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    fs::write(&path, "old\n").unwrap();
    std::os::unix::fs::chown(&path, Some(12), Some(34)).unwrap();
    let old = File::open(&path).unwrap();
    add(&path, NEW).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (12, 34));
    assert!(!is_at(&old, &path).unwrap());
}

#[test]
fn a_missing_file_and_its_directory_are_made_private() {
    let directory = Directory::new();
    let path = directory.join("ssh/known_hosts");
    add(&path, "one\n").unwrap();
    add(&path, "two\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let deep = add(&directory.join("a/b/c"), "x\n").unwrap_err();
    assert_eq!(deep.kind(), io::ErrorKind::NotFound);
    assert!(!directory.join("a").exists());
}

#[test]
fn a_link_stays_a_link_and_fills_in_no_file() {
    let directory = Directory::new();
    let settings = directory.join("settings");
    fs::create_dir(&settings).unwrap();
    let (target, link) = (settings.join("target"), directory.join("link"));
    symlink("settings/target", &link).unwrap();
    let error = add(&link, NEW).unwrap_err().to_string();
    assert_eq!(error, "a symbolic link that leads nowhere");
    assert!(!target.exists());
    fs::write(&target, "old\n").unwrap();
    add(&link, NEW).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), format!("old\n{NEW}"));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(&settings), ["target"]);
    assert_eq!(names(&directory), ["link", "settings"]);

    let looped = directory.join("loop");
    symlink(&looped, &looped).unwrap();
    assert!(add(&looped, NEW).is_err());
}

#[test]
fn a_second_name_of_the_file_stays_one() {
    let directory = Directory::new();
    let (one, two) = (directory.join("one"), directory.join("two"));
    fs::write(&one, "old").unwrap();
    fs::hard_link(&one, &two).unwrap();
    add(&one, NEW).unwrap();
    for path in [&one, &two] {
        assert_eq!(fs::read_to_string(path).unwrap(), format!("old\n{NEW}"));
    }
}

#[test]
fn what_is_no_regular_file_is_left_alone_at_once() {
    let directory = Directory::new();
    let fifo = directory.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [&fifo, Path::new("/dev/full"), &*directory] {
        assert!(add(path, NEW).is_err(), "{path:?}");
    }
    assert_eq!(names(&directory), ["fifo"]);
}

#[test]
fn a_file_that_is_longer_than_any_that_is_read_is_appended_to() {
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    let len = u64::try_from(HOSTS_MAX).unwrap() + 1;
    File::create(&path).unwrap().set_len(len).unwrap();
    add(&path, NEW).unwrap();
    let file = File::open(&path).unwrap();
    let mut end = vec![0; NEW.len() + 1];
    file.read_exact_at(&mut end, len).unwrap();
    assert_eq!(end, [b"\n", NEW.as_bytes()].concat());
}

#[test]
fn a_lock_that_is_held_is_waited_for() {
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    fs::write(&path, "old\n").unwrap();
    let held = locked(&path).unwrap();
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| add(&path, NEW));
        std::thread::sleep(LOCK_PAUSE * 3);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
        drop(held);
        adding.join().unwrap().unwrap();
    });
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("old\n{NEW}"));
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    std::thread::scope(|scope| {
        for n in 0..20 {
            let path = &path;
            scope.spawn(move || {
                for i in 0..5 {
                    add(path, &format!("line {n} {i}\n")).unwrap();
                }
            });
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 100);
    assert_eq!(names(&directory), ["known_hosts"]);
}

#[test]
fn what_ssh_appends_meanwhile_is_kept() {
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    fs::write(&path, "old\n").unwrap();
    let old = locked(&path).unwrap();
    let metadata = old.metadata().unwrap();
    let mut ssh = OpenOptions::new().append(true).open(&path).unwrap();
    ssh.write_all(b"late\n").unwrap();
    assert!(replace(&path, &old, &metadata, b"old\n", NEW).is_ok());
    let after = fs::read_to_string(&path).unwrap();
    assert_eq!(after, format!("old\n{NEW}late\n"));
}

#[test]
fn a_file_that_could_not_be_finished_leaves_nothing_behind() {
    let directory = Directory::new();
    let path = directory.join("known_hosts");
    let (temporary, _) = Temporary::beside(&path, new_file::PRIVATE).unwrap();
    assert_eq!(names(&directory).len(), 1);
    drop(temporary);
    assert_eq!(names(&directory).len(), 0);
}
