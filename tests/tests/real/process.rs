//! A second process: the test binary itself, running one test that plays a role.
//!
//! A role is an ignored test that does nothing unless [`role`] gives it arguments. It and its parent talk
//! in lines: the role says them with [`say`] and reads what it is told with [`told`].

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const ARGUMENTS: &str = "SESSILE_TEST_ROLE";
const MARK: &str = "@ ";
/// Longer than anything takes but a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// The arguments this process was given for a role; `None` when it is no role's process.
pub fn role() -> Option<Vec<String>> {
    std::env::var(ARGUMENTS).ok().map(|arguments| arguments.split('\n').map(str::to_owned).collect())
}

/// Says a line to the parent, in one write.
pub fn say(line: impl std::fmt::Display) {
    let line = format!("\n{MARK}{line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// The next line the parent tells; the role ends if the parent is gone.
pub fn told() -> String {
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line).unwrap_or_default() == 0 {
        std::process::exit(1);
    }
    line.trim_end().to_owned()
}

/// Waits to be killed, or ends with the parent.
pub fn wait_for_the_end() -> ! {
    loop {
        told();
    }
}

/// A process in a role. It is killed when dropped.
pub struct Role {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<(Instant, String)>,
}

impl Role {
    /// Starts the test `name` of this binary with these arguments.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_through(Command::new(std::env::current_exe().unwrap()), name, arguments)
    }

    /// The same through a command that runs what it is given as arguments.
    pub fn start_through(mut command: Command, name: &str, arguments: &[&str]) -> Self {
        command.args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(ARGUMENTS, arguments.join("\n"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(line) = line.strip_prefix(MARK)
                    && sender.send((Instant::now(), line.to_owned())).is_err()
                {
                    return;
                }
            }
        });
        Self { child, stdin, lines }
    }

    /// Waits for what the role says next.
    pub fn hear(&mut self) -> String {
        self.hear_at().1
    }

    /// The same, with the time it came.
    pub fn hear_at(&mut self) -> (Instant, String) {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) => panic!("the other process said nothing for a minute"),
            Err(RecvTimeoutError::Disconnected) => panic!("the other process ended: {}", self.child.wait().unwrap()),
        }
    }

    pub fn expect(&mut self, line: &str) {
        assert_eq!(self.hear(), line);
    }

    /// What the role said and nobody heard yet, with the time it came; ends when the role has ended.
    pub fn rest(&mut self) -> Vec<(Instant, String)> {
        self.lines.iter().collect()
    }

    pub fn says_nothing_for(&mut self, span: Duration) -> bool {
        matches!(self.lines.recv_timeout(span), Err(RecvTimeoutError::Timeout))
    }

    pub fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Kills the process, and makes sure that nothing else had ended it.
    pub fn kill(&mut self) {
        // Fails only where the process has ended already, which the status tells.
        drop(self.child.kill());
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "the other process ended by itself: {status}");
    }

    /// Tells the role to end, and waits until it has; it must not have failed.
    pub fn finish(mut self) {
        // A role that has ended already hears nothing.
        drop(writeln!(self.stdin.as_mut().unwrap(), "end"));
        drop(self.stdin.take());
        let status: ExitStatus = self.child.wait().unwrap();
        assert!(status.success(), "the other process failed: {status}");
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
