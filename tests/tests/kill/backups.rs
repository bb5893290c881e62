//! Backups whose maker was killed: whole, or not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::history::{Heard, head};
use super::operations::{Model, THREADS, Value, keys_of};
use super::writer::options;
use crate::real::{id, scan};
use sessile::{Durability, Store};

/// Looks at the backups that this writer asked for, which found the store as `model`; and removes them.
pub fn check(place: &Path, heard: &Heard, model: &Model) {
    for (pass, copy) in &heard.copies {
        let path = place.join(format!("backup-{pass}"));
        if !path.exists() {
            // The writer removes each when the next one is done.
            let is_last_done =
                heard.copies.iter().rev().find(|(_, copy)| copy.is_done).is_some_and(|(last, _)| last == pass);
            let next_is_whole = place.join(format!("backup-{}", pass + 1)).exists();
            assert!(!is_last_done || next_is_whole, "backup {pass} was done, and is not there");
            continue;
        }
        let store = Store::open(options(&path, Durability::Fsync, 0)).unwrap();
        let found: BTreeMap<String, Value> = scan(&store, 7)
            .into_iter()
            .map(|(key, session)| {
                let key = String::from_utf8(key.as_bytes().to_vec()).unwrap();
                (key, Value { payload: session.payload.to_vec().into(), expires_at: session.expires_at })
            })
            .collect();
        assert_eq!(store.len().unwrap(), found.len() as u64, "of backup {pass}");
        for key in (0..THREADS).flat_map(keys_of) {
            assert_eq!(store.get(&id(&key)).unwrap().is_some(), found.contains_key(&key), "{key} in backup {pass}");
        }
        for thread in 0..THREADS {
            compare(heard, thread, copy.called[thread], model, &found);
        }
        store.close().unwrap();
        fs::remove_dir_all(&path).unwrap();
    }
    // What a killed one left does not pass for a backup, and is in nobody's way.
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with(".backup-") {
            fs::remove_dir_all(path).unwrap();
        }
    }
}

/// Each session is as it was when the backup was asked for, or as it became later.
fn compare(heard: &Heard, thread: usize, called: usize, model: &Model, found: &BTreeMap<String, Value>) {
    let mut model = model.clone();
    let operations = heard.operations(thread);
    operations.iter().take(called).for_each(|operation| operation.apply(&mut model));
    let keys: BTreeSet<String> = keys_of(thread).collect();
    let mut allowed: BTreeMap<&String, Vec<Option<Value>>> =
        keys.iter().map(|key| (key, vec![model.get(key).cloned()])).collect();
    for operation in operations.iter().skip(called) {
        operation.apply(&mut model);
        if let Some(values) = allowed.get_mut(&operation.key) {
            values.push(model.get(&operation.key).cloned());
        }
    }
    for (key, values) in allowed {
        let is = found.get(key);
        assert!(
            values.iter().any(|value| value.as_ref() == is),
            "{key} in a backup is as it was neither when the backup was asked for nor later: {}",
            head(is)
        );
    }
}
