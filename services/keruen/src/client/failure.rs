//! Why a verb did not succeed: what is said about it, and the exit status.

use std::{fmt, io, process::ExitCode};

use anstyle::{AnsiColor, Style};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Exit status of a refusal.
pub const REFUSED: u8 = 1;
/// Exit status of a wrong command line.
pub const USAGE: u8 = 2;
/// Exit status where no server answers (`EX_UNAVAILABLE`).
pub const UNAVAILABLE: u8 = 69;
/// Exit status where something could not be read to its end (`EX_IOERR`).
pub const UNREADABLE: u8 = 74;
/// Exit status where repeating makes sense: outcome unknown, or the server is busy (`EX_TEMPFAIL`).
pub const TEMPORARY: u8 = 75;

/// Reason of a refusal for want of space on the disk of the log.
const DISK_FULL: &str = "DISK_FULL";
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Why a verb did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The command line, or a file that it names, is wrong.
    Usage(String),
    /// The server refused.
    Refused(Box<Status>),
    /// The server is too busy; nothing was recorded.
    Busy(Box<Status>),
    /// The server can't answer this now, and says so; of a command nothing was recorded.
    NotNow(Box<Status>),
    /// No server answers.
    Unavailable {
        /// The address that was tried.
        server: String,
        /// What went wrong.
        cause: String,
    },
    /// No answer came, to a question.
    NoAnswer(String),
    /// No answer came, to a command that may or may not have been recorded.
    Unknown {
        /// What went wrong.
        cause: String,
        /// The command that asks again, as typed in a shell.
        repeat: String,
    },
    /// A command without an answer that waits in the outbox.
    Kept {
        /// Why there is no answer.
        failure: Box<Self>,
        /// UUID of the command.
        command_id: String,
        /// How many commands wait for the node, this one included.
        waiting: usize,
    },
    /// Several errors of a file, one a line, and what they mean.
    File {
        /// The errors.
        errors: Vec<String>,
        /// What was or was not done.
        summary: String,
    },
    /// What was to be looked at can't be read, so that nothing is said about it.
    Unreadable(String),
    /// Stopped by Ctrl-C where that loses nothing.
    Interrupted(String),
    /// Reading or writing went wrong.
    Io(io::Error),
    /// Anything else.
    Other(anyhow::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl Failure {
    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Unavailable { .. } => UNAVAILABLE,
            Self::Busy(_)
            | Self::NotNow(_)
            | Self::NoAnswer(_)
            | Self::Unknown { .. }
            | Self::Kept { .. } => TEMPORARY,
            Self::Unreadable(_) => UNREADABLE,
            // 128 + SIGINT, as a shell reports it.
            Self::Interrupted(_) => 130,
            // Whoever reads the output has enough of it.
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Refused(_) | Self::File { .. } | Self::Io(_) | Self::Other(_) => REFUSED,
        }
    }

    /// Whether it says for good what became of a command, so that there is nothing to send again.
    pub fn is_answer(&self) -> bool {
        !matches!(self.status(), TEMPORARY | UNAVAILABLE)
    }

    /// Says what happened on standard error.
    pub fn report(&self) -> ExitCode {
        let status = self.status();
        if status != 0 {
            // Where standard error is closed there is nobody to tell.
            let _ = self.write(&mut anstream::stderr().lock());
        }
        ExitCode::from(status)
    }

    fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        let label = format!("{ERROR}error:{ERROR:#}");
        match self {
            Self::File { errors, summary } => {
                for error in errors {
                    writeln!(out, "{label} {error}")?;
                }
                writeln!(out, "{summary}")
            }
            Self::Interrupted(message) => writeln!(out, "{message}"),
            Self::Usage(message) => writeln!(
                out,
                "{label} {message}\n\nFor more information, try '--help'."
            ),
            other => writeln!(out, "{label} {other}"),
        }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Unreadable(message) | Self::Interrupted(message) => {
                out.write_str(message)
            }
            Self::Refused(status) | Self::NotNow(status) => write_status(out, status),
            Self::Busy(status) => {
                write_status(out, status)?;
                if is_disk_full(status) {
                    // What the node says tells where to free space; waiting mends nothing.
                    return Ok(());
                }
                write!(out, "\nnothing was recorded; try again in a moment")
            }
            Self::Kept {
                failure,
                command_id,
                waiting,
            } => write_kept(out, failure, command_id, *waiting),
            Self::Unavailable { server, cause } => write!(
                out,
                "no node answers at {server}: {cause}\n\
                 start one with `keruen serve` or `keruen demo`, or name another with --server or KERUEN_SERVER"
            ),
            Self::NoAnswer(cause) => {
                write!(out, "{cause}\ntry again, or wait longer with --timeout")
            }
            Self::Unknown { cause, repeat } => write!(
                out,
                "nobody knows whether this was recorded: {cause}\n\
                 repeating it with the same command id is safe, it has no second effect:\n  {repeat}"
            ),
            Self::File { errors, summary } => write!(out, "{}\n{summary}", errors.join("\n")),
            Self::Io(error) => error.fmt(out),
            Self::Other(error) => out.write_str(&with_causes(error)),
        }
    }
}

/// What became of the command as far as that is known, and that it waits.
fn write_kept(
    out: &mut fmt::Formatter<'_>,
    failure: &Failure,
    command_id: &str,
    waiting: usize,
) -> fmt::Result {
    match failure {
        Failure::Unknown { cause, .. } => {
            write!(out, "nobody knows whether this was recorded: {cause}")?;
        }
        Failure::Unavailable { server, cause } => {
            write!(out, "no node answers at {server}: {cause}")?;
        }
        other => fmt::Display::fmt(other, out)?,
    }
    let all = match waiting {
        0 | 1 => String::new(),
        more => format!(" with the {} before it", more - 1),
    };
    write!(
        out,
        "\ncommand {command_id} waits in the outbox; don't give it anew: `keruen outbox send` sends it{all}, and under its \
         id it has no second effect"
    )
}

/// The message with every field that breaks a rule, then reason and numbers.
fn write_status(out: &mut fmt::Formatter<'_>, status: &Status) -> fmt::Result {
    out.write_str(&explain(status))?;
    let details = status.get_error_details();
    let Some(info) = details.error_info() else {
        return Ok(());
    };
    let mut numbers: Vec<_> = info.metadata.iter().collect();
    numbers.sort();
    write!(out, "\n({}", one_line(&info.reason))?;
    for (key, value) in numbers {
        write!(out, " {}={}", one_line(key), quoted(value))?;
    }
    out.write_str(")")
}

fn is_disk_full(status: &Status) -> bool {
    let details = status.get_error_details();
    details
        .error_info()
        .is_some_and(|info| info.reason == DISK_FULL)
}

fn quoted(value: &str) -> String {
    if value.is_empty() || value.contains(char::is_whitespace) {
        format!("{value:?}")
    } else {
        one_line(value)
    }
}

/// A status in one line, or, where several fields break a rule, one line for each.
pub fn explain(status: &Status) -> String {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map_or(&[][..], |bad| &bad.field_violations);
    let lines: Vec<String> = violations
        .iter()
        .map(|violation| {
            let field = one_line(&violation.field);
            let rule = one_line(&violation.description);
            // Some rules name their field themselves.
            if rule.starts_with(&format!("{field}:")) {
                rule
            } else {
                format!("{field}: {rule}")
            }
        })
        .collect();
    match &lines[..] {
        [] if status.code() == Code::Unimplemented && status.message().is_empty() => {
            "the process that was asked has no such service: it has other roles (`keruen serve --roles`), or is older; name \
             the one that has it with --server URL"
                .to_owned()
        }
        [] if status.message().is_empty() => format!("{:?}", status.code()),
        [] => one_line(status.message()),
        [line] => line.clone(),
        lines => format!("several fields break a rule\n  {}", lines.join("\n  ")),
    }
}

/// Text from elsewhere, without anything that a terminal would obey.
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { '\u{fffd}' } else { char })
        .collect()
}

/// An error and what caused it, each said once: many name their cause in their own words.
fn with_causes(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// The innermost cause: what the operating system or the peer said.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use tonic_types::{ErrorDetails, FieldViolation};

    fn written(failure: &Failure) -> String {
        let mut stripped = anstream::StripStream::new(Vec::new());
        failure.write(&mut stripped).unwrap();
        String::from_utf8(stripped.into_inner()).unwrap()
    }

    #[test]
    fn a_refusal_tells_reason_and_numbers() {
        let details = ErrorDetails::with_error_info(
            "INSUFFICIENT_STOCK",
            "keruen",
            HashMap::from([
                ("available".to_owned(), "3".to_owned()),
                ("at".to_owned(), "a b".to_owned()),
            ]),
        );
        let status =
            Status::with_error_details(Code::FailedPrecondition, "too little\u{1b}[2J", details);
        let failure = Failure::Refused(Box::new(status));
        assert_eq!(
            written(&failure),
            "error: too little\u{fffd}[2J\n(INSUFFICIENT_STOCK at=\"a b\" available=3)\n"
        );
        assert_eq!(failure.status(), 1);
    }

    #[test]
    fn a_process_without_the_service_is_told_apart_from_a_fault() {
        let told = explain(&Status::unimplemented(""));
        assert!(
            told.contains("--roles") && told.contains("--server"),
            "{told}"
        );
    }

    #[test]
    fn every_field_that_breaks_a_rule_is_named_once() {
        let violations = vec![
            FieldViolation::new("lines[0].quantity", "must not be 0"),
            FieldViolation::new("owner_id", "owner_id: name one"),
        ];
        let details = ErrorDetails::with_bad_request(violations);
        let status = Status::with_error_details(Code::InvalidArgument, "both", details);
        assert_eq!(
            explain(&status),
            "several fields break a rule\n  lines[0].quantity: must not be 0\n  owner_id: name one"
        );
    }

    #[test]
    fn a_full_disk_is_nothing_to_wait_for() {
        let refused = |reason: &str| {
            let details = ErrorDetails::with_error_info(reason, "keruen", HashMap::new());
            let message = "the disk of /srv/keruen is full; free space there";
            let status = Status::with_error_details(Code::ResourceExhausted, message, details);
            written(&Failure::Busy(Box::new(status)))
        };
        assert!(refused("LOG_BUSY").contains("in a moment"));
        let told = refused(DISK_FULL);
        assert!(
            told.contains("/srv/keruen") && !told.contains("in a moment"),
            "{told}"
        );
    }

    #[test]
    fn each_cause_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("can't read {path}: {cause}")]
        struct Unread {
            path: &'static str,
            #[source]
            cause: io::Error,
        }
        let error = anyhow::Error::new(Unread {
            path: "a",
            cause: io::Error::other("no such file"),
        });
        let told = Failure::Other(error.context("the report is not written"));
        assert_eq!(
            told.to_string(),
            "the report is not written: can't read a: no such file"
        );
    }

    #[test]
    fn a_broken_pipe_is_no_failure() {
        assert_eq!(Failure::Io(io::ErrorKind::BrokenPipe.into()).status(), 0);
        assert_eq!(Failure::Io(io::ErrorKind::StorageFull.into()).status(), 1);
    }
}
