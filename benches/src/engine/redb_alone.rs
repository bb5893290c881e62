//! What a store on redb alone would do: sessions and an index of their expiry, one commit for each batch.

use std::path::Path;
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase, TableDefinition};
use sessile::SessionId;
use sessile_benches::latencies::Latencies;
use sessile_benches::sample::{PAYLOAD_BYTES, Sessions};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sessions");
const EXPIRY: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("expiry");
const FILL_BATCH: u64 = 100_000;

/// A database of sessions.
pub struct RedbAlone {
    database: Database,
    sessions: Sessions,
    time: u64,
}

impl RedbAlone {
    pub fn fill(path: &Path, sessions: Sessions) {
        let database = Database::create(path).expect("a database");
        let mut this = Self { database, sessions, time: 0 };
        let mut from = 0;
        while from < sessions.count() {
            let to = sessions.count().min(from + FILL_BATCH);
            this.commit((from..to).map(|number| sessions.id(number)));
            from = to;
        }
    }

    pub fn open(path: &Path, sessions: Sessions) -> Self {
        Self { database: Database::open(path).expect("opened"), sessions, time: 1 }
    }

    fn commit(&mut self, ids: impl Iterator<Item = SessionId>) {
        let time = self.time;
        let transaction = self.database.begin_write().expect("a transaction");
        {
            let mut sessions = transaction.open_table(TABLE).expect("a table");
            let mut expiry = transaction.open_table(EXPIRY).expect("a table");
            for id in ids {
                let mut record = time.to_le_bytes().to_vec();
                record.resize(PAYLOAD_BYTES, 7);
                let before = sessions.insert(id.as_bytes(), record.as_slice()).expect("inserted");
                let before = before.map(|record| record.value()[..8].try_into().map(u64::from_le_bytes));
                if let Some(Ok(before)) = before {
                    expiry.remove((before, id.as_bytes())).expect("removed");
                }
                expiry.insert((time, id.as_bytes()), ()).expect("inserted");
            }
        }
        transaction.commit().expect("committed");
    }

    /// Commits `batch` random sets of `among` sessions at a time; each set takes as long as its batch.
    pub fn sets(&mut self, batch: usize, among: u64, span: Duration) -> (Latencies, Duration) {
        let mut random = fastrand::Rng::with_seed(1);
        let mut latencies = Latencies::default();
        let start = Instant::now();
        while latencies.count() == 0 || start.elapsed() < span {
            let begin = Instant::now();
            self.time += 1;
            let ids: Vec<SessionId> = (0..batch).map(|_| self.sessions.any(&mut random, among)).collect();
            self.commit(ids.into_iter());
            (0..batch).for_each(|_| latencies.add(begin.elapsed()));
        }
        (latencies, start.elapsed())
    }

    /// Reads a session in a transaction of its own.
    pub fn get(&self, id: &SessionId) {
        let transaction = self.database.begin_read().expect("a transaction");
        let table = transaction.open_table(TABLE).expect("a table");
        let record = table.get(id.as_bytes()).expect("read").expect("a session");
        assert_eq!(record.value().len(), PAYLOAD_BYTES);
    }
}
