//! Child processes that never outlive the test that started them.

use std::{
    fs, io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

/// When its standard input ends, kills the process group named by the first argument. Where the second one names a
/// folder, its process is a server that tidies up when it is told to quit; the folder goes after it.
const GUARD: &str = r#"
read -r _
exec 2>/dev/null
if [ -n "$2" ]; then
    kill -s QUIT "$1"
    turns=0
    while [ "$turns" -lt 100 ] && kill -s 0 "$1"; do
        sleep 0.1
        turns=$((turns + 1))
    done
fi
kill -s KILL -- "-$1"
[ -z "$2" ] || rm -rf -- "$2"
"#;
const POLL: Duration = Duration::from_millis(20);

/// A child in a process group of its own. Dropping it kills the group; so does the end of the test process, however
/// that comes, because a guard waits on a pipe that only the test process holds open.
pub struct Process {
    child: Child,
    guard: Child,
}

impl Process {
    /// Starts a command.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        Self::spawn_over(command, Path::new(""))
    }

    /// Starts a server; when the test process dies, the server is told to quit, and its `folder` is removed.
    pub fn spawn_over(command: &mut Command, folder: &Path) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { child, guard })
    }

    /// The child, to take its pipes from.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal to the child. It may have ended already.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid(), signal);
    }

    /// Processes that the child started itself, whatever group they are in.
    pub fn children(&self) -> Vec<Pid> {
        let id = self.child.id().to_string();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|process| {
                let stat = fs::read_to_string(process.path().join("stat")).ok()?;
                // The name stands in parentheses and may hold anything; state and parent follow.
                let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
                let pid = process.file_name().to_str()?.parse().ok()?;
                (parent == id).then(|| Pid::from_raw(pid))?
            })
            .collect()
    }

    /// Sends SIGKILL to the whole group and waits for the child.
    pub fn kill(&mut self) -> ExitStatus {
        // Until it is waited for, its id can't be that of another process.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        self.child.wait().expect("a child can be waited for")
    }

    /// Waits until the child ends by itself; `None` if it doesn't in time.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard first: it must not find another process under an id that is free again.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_kills_what_outlives_its_test() {
        let mut process = Process::spawn(Command::new("sleep").arg("600")).unwrap();
        // What the system does when the test process dies.
        drop(process.guard.stdin.take());
        assert!(process.wait(Duration::from_mins(1)).is_some());
    }
}
