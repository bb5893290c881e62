//! What threads that wait cost by themselves: each asks for bytes to be on the disk and waits until they are, and one
//! thread writes and syncs what was asked for meanwhile. No store, no session: nothing with threads that wait can be
//! faster than this, however little it does.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use atomic_wait::{wait, wake_all, wake_one};
use sessile_benches::latencies::Latencies;

/// So many bytes have the files that are written without a store, round and round.
pub const FILE_BYTES: usize = 8 * 1024 * 1024;

/// A file of so many zeros, which the disk has.
pub fn zeros(path: &Path, bytes: usize) -> File {
    let file = File::create(path).expect("a file");
    file.write_all_at(&vec![0; bytes], 0).expect("zeros");
    file.sync_all().expect("synced");
    file
}

#[derive(Default)]
struct Round {
    /// How often was asked, and up to which of these everything is on the disk.
    asked: AtomicU32,
    done: AtomicU32,
    /// 1 while the thread that writes sleeps.
    sleeping: AtomicU32,
    running: AtomicUsize,
    stop: AtomicBool,
}

/// So many threads, `bytes` each time, for `span`: from asking to being told, and how long it took altogether.
pub fn threads_alone(directory: &Path, threads: usize, bytes: usize, span: Duration) -> (Latencies, Duration) {
    let path = directory.join("waiting");
    let file = zeros(&path, FILE_BYTES);
    let round = Round { running: AtomicUsize::new(threads), ..Round::default() };
    let start = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let round = &round;
        let asking: Vec<_> = (0..threads).map(|_| scope.spawn(|| round.ask())).collect();
        scope.spawn(|| round.answer(&file, bytes));
        std::thread::sleep(span);
        round.stop.store(true, Ordering::SeqCst);
        asking.into_iter().map(|thread| thread.join().expect("ended")).collect()
    });
    let elapsed = start.elapsed();
    std::fs::remove_file(&path).expect("removed");
    (latencies, elapsed)
}

impl Round {
    fn ask(&self) -> Latencies {
        let mut latencies = Latencies::default();
        while latencies.count() == 0 || !self.stop.load(Ordering::SeqCst) {
            let begin = Instant::now();
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            self.wake_writer();
            loop {
                let done = self.done.load(Ordering::SeqCst);
                if done >= number {
                    break;
                }
                wait(&self.done, done);
            }
            latencies.add(begin.elapsed());
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.wake_writer();
        latencies
    }

    fn wake_writer(&self) {
        if self.sleeping.swap(0, Ordering::SeqCst) == 1 {
            wake_one(&self.sleeping);
        }
    }

    fn answer(&self, file: &File, bytes: usize) {
        let (mut done, mut at) = (0, 0);
        let mut content = Vec::new();
        while self.running.load(Ordering::SeqCst) > 0 {
            let asked = self.asked.load(Ordering::SeqCst);
            if asked == done {
                self.sleeping.store(1, Ordering::SeqCst);
                if self.asked.load(Ordering::SeqCst) == done && self.running.load(Ordering::SeqCst) > 0 {
                    wait(&self.sleeping, 1);
                }
                continue;
            }
            content.resize((asked - done) as usize * bytes, 7_u8);
            if at + content.len() > FILE_BYTES {
                at = 0;
            }
            file.write_all_at(&content, at as u64).expect("written");
            file.sync_data().expect("synced");
            at += content.len();
            done = asked;
            self.done.store(done, Ordering::SeqCst);
            wake_all(&self.done);
        }
    }
}
