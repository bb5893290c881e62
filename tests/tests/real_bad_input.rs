//! What a store refuses: each with its code, its place, and what to do about it, and with nothing lost.

mod real;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use real::process::{Role, role, say, told};
use real::{Mount, Place, far, id, open, options, payload, set};
use sessile::{Error, ErrorCode, Options, SessionId, Store, Timestamp};

const MIB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn refused(path: &Path) -> Error {
    let error = Store::open(options(path)).unwrap_err();
    let said = error.to_string();
    assert!(said.contains(path.to_str().unwrap()), "{said} does not name {}", path.display());
    error
}

#[test]
fn a_missing_parent_is_an_error_that_names_the_path() {
    let place = Place::new();
    let path = place.path().join("missing/sessions");
    let error = refused(&path);
    assert!(matches!(&error, Error::Io { operation: "create the directory", .. }), "{error}");
    assert!(!place.path().join("missing").exists(), "a parent is not made up");
    fs::create_dir(place.path().join("missing")).unwrap();
    open(&path).close().unwrap();
}

#[test]
fn a_path_that_is_a_file_is_not_a_directory() {
    let place = Place::new();
    let file = place.path().join("file");
    fs::write(&file, "something else's").unwrap();
    for path in [file.clone(), file.join("sessions")] {
        let error = refused(&path);
        assert!(matches!(&error, Error::NotADirectory { path: named } if *named == path), "{error}");
        assert!(error.to_string().contains("name one that exists or can be created"));
    }
    assert_eq!(fs::read(&file).unwrap(), b"something else's");
}

#[test]
fn a_link_that_leads_nowhere_is_an_error() {
    let place = Place::new();
    let link = place.path().join("link");
    symlink(place.path().join("nowhere"), &link).unwrap();
    assert_eq!(refused(&link).code(), ErrorCode::Io);
}

#[test]
fn an_unwritable_directory_is_an_error_that_names_the_path() {
    let place = Place::new();
    let locked_up = place.path().join("locked up");
    let mut mount = None;
    if fs::metadata(place.path()).unwrap().uid() == 0 {
        // Permissions do not stop root; a disk that is mounted for reading does.
        mount = Mount::new("an_unwritable_directory_is_an_error", &locked_up, "ro");
        if mount.is_none() {
            return;
        }
    } else {
        fs::create_dir(&locked_up).unwrap();
        fs::set_permissions(&locked_up, fs::Permissions::from_mode(0o500)).unwrap();
    }
    for path in [locked_up.clone(), locked_up.join("sessions")] {
        let error = refused(&path);
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(std::error::Error::source(&error).is_some(), "what the operating system said is kept");
    }
    fs::set_permissions(&locked_up, fs::Permissions::from_mode(0o700)).ok();
    drop(mount);
}

#[test]
fn strange_things_in_the_stores_directory_are_errors_not_panics() {
    for name in ["log", "LOCK", "base.redb"] {
        let place = Place::new();
        fs::create_dir(place.store()).unwrap();
        let made = place.store().join(name);
        // Each the other way round.
        if name == "log" {
            fs::write(&made, "a file").unwrap()
        } else {
            fs::create_dir(&made).unwrap()
        }
        let error = Store::open(options(&place.store())).unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
        if made.is_dir() {
            fs::remove_dir(made).unwrap()
        } else {
            fs::remove_file(made).unwrap()
        }
        let store = open(&place.store());
        set(&store, "a", "1");
        store.close().unwrap();
    }
}

#[test]
fn files_of_others_in_the_stores_directory_are_left_alone() {
    let place = Place::new();
    fs::create_dir(place.store()).unwrap();
    fs::create_dir(place.store().join("log")).unwrap();
    let strangers = [place.store().join("notes.txt"), place.store().join("log/notes.txt")];
    for stranger in &strangers {
        fs::write(stranger, "mine").unwrap();
    }
    for round in 0..3 {
        let store = open(&place.store());
        set(&store, format!("{round}"), "1");
        store.close().unwrap();
    }
    for stranger in &strangers {
        assert_eq!(fs::read(stranger).unwrap(), b"mine");
    }
}

#[test]
fn a_failed_open_locks_nobody_out() {
    let place = Place::new();
    let store = open(&place.store());
    set(&store, "a", "1");
    store.close().unwrap();
    let base = place.store().join("base.redb");
    let sound = fs::read(&base).unwrap();
    fs::write(&base, "").unwrap();
    for _ in 0..3 {
        assert_eq!(refused(&place.store()).code(), ErrorCode::Corrupted);
    }
    fs::write(&base, sound).unwrap();
    assert!(payload(&open(&place.store()), "a").is_some());
}

#[test]
fn every_option_outside_its_range_is_refused_by_name() {
    let place = Place::new();
    let new = || options(&place.store());
    let year = 365 * DAY;
    let outside: [(&str, Options); 18] = [
        ("path", options(Path::new(""))),
        ("ttl", new().ttl(Duration::ZERO)),
        ("ttl", new().ttl(Duration::from_micros(999))),
        ("ttl", new().ttl(100 * year + Duration::from_millis(1))),
        ("ttl", new().ttl(Duration::MAX)),
        ("dirty_bytes", new().dirty_bytes(MIB - 1)),
        ("base_cache_bytes", new().base_cache_bytes(MIB - 1)),
        ("payload_bytes_max", new().payload_bytes_max(0)),
        ("payload_bytes_max", new().payload_bytes_max(Options::PAYLOAD_BYTES_LIMIT + 1)),
        ("log_bytes_max", new().payload_bytes_max(1).log_bytes_max(4 * MIB - 1)),
        ("log_bytes_max", new().log_bytes_max(64 * 1024 * MIB + 1)),
        ("log_bytes_max", new().log_bytes_max(4 * Options::PAYLOAD_BYTES_LIMIT - 1)),
        ("checkpoint_interval", new().checkpoint_interval(Duration::from_millis(99))),
        ("checkpoint_interval", new().checkpoint_interval(DAY + Duration::from_millis(1))),
        ("scrub_interval", new().scrub_interval(Duration::from_millis(999))),
        ("scrub_interval", new().scrub_interval(100 * DAY + Duration::from_millis(1))),
        ("scrub_bytes_per_second", new().scrub_bytes_per_second((64 << 10) - 1)),
        ("scrub_bytes_per_second", new().scrub_bytes_per_second((1 << 30) + 1)),
    ];
    for (name, options) in outside {
        let error = Store::open(options.clone()).unwrap_err();
        assert!(matches!(error, Error::InvalidOption { option, .. } if option == name), "{options:?}: {error}");
        assert!(error.to_string().contains(name));
    }
    assert!(!place.store().exists(), "nothing is made before the options are known to be good");
}

#[test]
fn every_option_at_the_ends_of_its_range_is_accepted() {
    let place = Place::new();
    let new = || options(&place.store());
    let inside = [
        new().ttl(Duration::from_millis(1)),
        new().ttl(100 * 365 * DAY),
        new().cache_bytes(0),
        new().cache_bytes(u64::MAX),
        new().dirty_bytes(MIB),
        new().dirty_bytes(u64::MAX),
        new().base_cache_bytes(MIB),
        new().payload_bytes_max(1),
        new().payload_bytes_max(MIB).log_bytes_max(4 * MIB),
        new().log_bytes_max(64 * 1024 * MIB),
        new().checkpoint_interval(Duration::from_millis(100)),
        new().checkpoint_interval(DAY),
        new().scrub_interval(Duration::ZERO),
        new().scrub_interval(Duration::from_secs(1)),
        new().scrub_interval(100 * DAY),
        new().scrub_bytes_per_second(64 << 10),
        new().scrub_bytes_per_second(1 << 30),
        new().open_timeout(Duration::MAX),
    ];
    for options in inside {
        let store = Store::open(options.clone()).unwrap_or_else(|error| panic!("{options:?}: {error}"));
        set(&store, "a", "1");
        store.flush().unwrap();
        assert!(payload(&store, "a").is_some(), "{options:?}");
        store.close().unwrap();
    }
}

#[test]
fn an_id_has_1_to_256_bytes_of_any_value() {
    let place = Place::new();
    for len in [0, 257, 100_000] {
        let error = SessionId::new(vec![b'a'; len]).unwrap_err();
        assert!(matches!(error, Error::InvalidId { len: told } if told == len));
        assert!(error.to_string().contains("1 to 256") && error.to_string().contains(&len.to_string()));
    }
    let names: Vec<Vec<u8>> = [1, 37, 38, 39, 255, 256]
        .into_iter()
        .flat_map(|len| [vec![0; len], vec![255; len], (0..len).map(|byte| byte as u8).collect()])
        .collect();
    let store = open(&place.store());
    for name in &names {
        set(&store, name, name);
    }
    store.flush().unwrap();
    drop(store);
    let store = open(&place.store());
    for name in &names {
        assert_eq!(payload(&store, name).as_ref(), Some(name));
    }
}

#[test]
fn a_payload_over_the_limit_is_refused_with_both_numbers() {
    let place = Place::new();
    let store = Store::open(options(&place.store()).payload_bytes_max(1000)).unwrap();
    set(&store, "a", vec![1; 1000]);
    let error = store.set(&id("a"), vec![2; 1001], Some(far())).unwrap_err();
    assert!(matches!(error, Error::ValueTooLarge { bytes: 1001, bytes_max: 1000 }));
    assert!(error.to_string().contains("1001") && error.to_string().contains("1000"));
    assert_eq!(payload(&store, "a"), Some(vec![1; 1000]), "what was there before is still there");
}

#[test]
fn the_largest_payload_and_the_empty_one_survive_reopening() {
    let place = Place::new();
    let largest = vec![7; Options::PAYLOAD_BYTES_LIMIT as usize];
    let store = open(&place.store());
    set(&store, "largest", &largest);
    set(&store, "empty", "");
    drop(store);
    let store = open(&place.store());
    assert!(payload(&store, "largest").as_ref() == Some(&largest));
    store.close().unwrap();
    let store = open(&place.store());
    assert!(payload(&store, "largest").as_ref() == Some(&largest));
    assert_eq!(payload(&store, "empty"), Some(Vec::new()));
    let over = vec![7; largest.len() + 1];
    assert!(matches!(store.set(&id("over"), over, Some(far())), Err(Error::ValueTooLarge { .. })));
}

#[test]
fn an_expiry_of_zero_is_refused_and_the_latest_is_kept() {
    let place = Place::new();
    let store = open(&place.store());
    set(&store, "a", "1");
    let is_refused =
        |result: Result<_, Error>| matches!(result.map(drop), Err(Error::InvalidArgument { what: "expires_at", .. }));
    assert!(is_refused(store.set(&id("a"), b"2".as_slice(), Some(Timestamp::MIN))));
    assert!(is_refused(store.touch(&id("a"), Timestamp::MIN)));
    assert_eq!(payload(&store, "a").as_deref(), Some(b"1".as_slice()));

    let latest = Timestamp::from_millis(u64::MAX);
    assert_eq!(latest, Timestamp::MAX);
    store.set(&id("forever"), b"1".as_slice(), Some(latest)).unwrap().wait().unwrap();
    store.set(&id("touched"), b"1".as_slice(), Some(far())).unwrap().wait().unwrap();
    store.touch(&id("touched"), latest).unwrap().wait().unwrap();
    store.close().unwrap();
    let store = open(&place.store());
    for name in ["forever", "touched"] {
        assert_eq!(store.get(&id(name)).unwrap().unwrap().expires_at, Timestamp::MAX);
    }
}

#[test]
fn an_expiry_that_has_passed_makes_no_session() {
    let place = Place::new();
    let store = open(&place.store());
    store.set(&id("late"), b"1".as_slice(), Some(Timestamp::from_millis(1))).unwrap().wait().unwrap();
    assert!(store.get(&id("late")).unwrap().is_none());
    assert_eq!(store.len().unwrap(), 0);
    set(&store, "a", "1");
    store.touch(&id("a"), Timestamp::from_millis(1)).unwrap().wait().unwrap();
    assert!(store.get(&id("a")).unwrap().is_none());
    assert!(store.is_empty().unwrap());
}

#[test]
fn a_page_of_no_sessions_is_refused() {
    let place = Place::new();
    let error = open(&place.store()).scan(None, 0).unwrap_err();
    assert!(matches!(error, Error::InvalidArgument { what: "limit", .. }), "{error}");
}

#[test]
fn a_backup_goes_only_where_nothing_is() {
    let place = Place::new();
    let store = open(&place.store());
    set(&store, "a", "1");
    fs::write(place.path().join("taken"), "mine").unwrap();
    for taken in [place.path().join("taken"), place.store(), place.path().to_owned()] {
        let error = store.backup(&taken).unwrap_err();
        assert!(matches!(error, Error::InvalidArgument { what: "directory", .. }), "{error}");
        assert!(error.to_string().contains(taken.to_str().unwrap()), "{error}");
    }
    let missing = place.path().join("missing/copy");
    assert!(matches!(store.backup(&missing), Err(Error::Io { .. })));
    assert!(matches!(store.backup(Path::new("/..")), Err(Error::InvalidArgument { .. })));
    let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "a refused backup leaves nothing behind: {left:?}");
}

#[test]
#[ignore = "the process whose umask forbids nothing"]
fn creator() {
    let Some(arguments) = role() else { return };
    let path = Path::new(&arguments[0]);
    let store = open(path);
    set(&store, "a", "1");
    store.backup(Path::new(&arguments[1])).unwrap();
    say("made");
    told();
    store.close().unwrap();
}

#[test]
fn only_the_owner_may_enter_whatever_the_umask_allows() {
    let place = Place::new();
    let copy = place.path().join("copy");
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    let mut creator = Role::start_through(shell, "creator", &[place.store().to_str().unwrap(), copy.to_str().unwrap()]);
    creator.expect("made");
    let mut seen = 0;
    let mut left = vec![place.store(), copy];
    while let Some(path) = left.pop() {
        let metadata = fs::metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        assert_eq!(mode, if metadata.is_dir() { 0o700 } else { 0o600 }, "{} has {mode:o}", path.display());
        if metadata.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        seen += 1;
    }
    assert!(seen >= 7, "a store and its copy are more than {seen} files");
    creator.finish();
}

#[test]
fn error_codes_keep_their_numbers_and_names() {
    let table = [
        (1, "INVALID_ARGUMENT"),
        (2, "INVALID_OPTION"),
        (3, "INVALID_ID"),
        (4, "VALUE_TOO_LARGE"),
        (5, "LOCKED"),
        (6, "OPTIONS_CONFLICT"),
        (7, "CORRUPTED"),
        (8, "UNSUPPORTED_FORMAT"),
        (9, "POISONED"),
        (10, "DISK_FULL"),
        (11, "OVERLOADED"),
        (12, "CLOSED"),
        (13, "FORKED"),
        (14, "NOT_A_DIRECTORY"),
        (15, "IO"),
        (16, "INTERNAL"),
        (17, "CONFLICT"),
        (18, "GONE"),
    ];
    let codes: Vec<_> = ErrorCode::ALL.into_iter().map(|code| (code as u32, code.name())).collect();
    assert_eq!(codes, table);
}

#[test]
fn every_error_is_a_sentence_that_names_what_it_is_about() {
    let path = || PathBuf::from("/srv/sessions");
    let source = || Arc::new(std::io::Error::other("the disk is gone"));
    let reason = || "the reason".to_owned();
    let sentences: Vec<(Error, &[&str])> = vec![
        (Error::InvalidArgument { what: "limit", reason: reason() }, &["limit", "the reason"]),
        (Error::InvalidOption { option: "ttl", reason: reason() }, &["ttl", "the reason"]),
        (Error::InvalidId { len: 300 }, &["300", "256"]),
        (Error::ValueTooLarge { bytes: 12, bytes_max: 10 }, &["12", "10"]),
        (Error::Locked { path: path() }, &["/srv/sessions", "close that one", "another path"]),
        (
            Error::OptionsConflict { path: path(), option: "durability" },
            &["/srv/sessions", "durability", "same options"],
        ),
        (
            Error::Corrupted { file: path(), offset: 4096, reason: reason() },
            &["/srv/sessions", "4096", "the reason", "backup", "salvage"],
        ),
        (
            Error::UnsupportedFormat { file: path(), found: 9, supported: 1 },
            &["/srv/sessions", "9", "1", "use a newer sessile"],
        ),
        (
            Error::Poisoned { file: path(), source: source() },
            &["/srv/sessions", "the disk is gone", "open the store again"],
        ),
        (Error::DiskFull { path: path() }, &["/srv/sessions", "free some"]),
        (Error::Overloaded { dirty_bytes: 77 }, &["77", "dirty_bytes"]),
        (Error::Closed { path: path() }, &["/srv/sessions", "closed"]),
        (Error::Forked { path: path() }, &["/srv/sessions", "fork", "open the store again"]),
        (Error::NotADirectory { path: path() }, &["/srv/sessions", "directory"]),
        (
            Error::Io { operation: "open", path: path(), source: source() },
            &["open", "/srv/sessions", "the disk is gone"],
        ),
        (Error::Internal { what: reason() }, &["the reason", "report"]),
        (Error::Conflict { version: 77 }, &["77", "read it again"]),
        (Error::Gone { version: 77 }, &["77", "gone"]),
    ];
    let codes: Vec<_> = sentences.iter().map(|(error, _)| error.code()).collect();
    assert_eq!(codes, ErrorCode::ALL, "each error has its own code");
    for (error, parts) in sentences {
        let said = error.to_string();
        for part in parts {
            assert!(said.contains(part), "{said:?} lacks {part:?}");
        }
        assert!(!said.contains("{ ") && !said.contains("Some("), "{said:?} is no sentence");
    }
}
