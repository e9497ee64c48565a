//! One run of a client verb: the connection, who asks, and where the answer goes.

mod list;
mod order;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keruen_edge::{
    status::{ERROR_DOMAIN, RECORDED},
    waited::WAITED_KEY,
};
use keruen_proto::{Mutation, Standing, events::v1::GetLogHeadRequest};
use tokio::sync::OnceCell;
use tonic::{
    Code, Request, Status, TimeoutExpired,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_types::{ErrorInfo, StatusExt as _};

use crate::{
    cli::{Format, Globals},
    client::{
        failure::{Failure, root_cause},
        reflected::Reflected,
        rpc::{Call, Shows},
        value,
    },
    outbox::Outbox,
    render::Output,
};

pub use list::tell_of_more;

/// Metadata key that names the actor.
pub const ACTOR_KEY: &str = "keruen-actor";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer is waited for where nobody said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// One run of a client verb.
#[derive(Clone, Debug)]
pub struct Session {
    server: String,
    actor: String,
    /// How long the command that is sent has been waiting.
    waited: Duration,
    timeout: Duration,
    format: Option<Format>,
    channel: OnceCell<Channel>,
    /// Where commands wait for their answers; `None` where there is no place for it.
    outbox: Option<Outbox>,
    /// Whether the command line says where.
    outbox_is_stated: bool,
    /// Where answers go; `None` is standard output.
    buffer: Option<Arc<Mutex<Vec<u8>>>>,
    /// The command line as it was given, for telling how to repeat it.
    invocation: Vec<String>,
    /// Up to where the answers reflect the log.
    reflected: Arc<Mutex<Reflected>>,
    /// Whether to say so.
    show_position: bool,
}

impl Session {
    /// A session; it connects when it first asks something.
    pub fn new(globals: &Globals) -> Self {
        Self {
            server: value::server(&globals.server),
            actor: globals.actor.clone().unwrap_or_else(value::default_actor),
            waited: Duration::ZERO,
            timeout: globals.timeout,
            format: globals.format,
            channel: OnceCell::new(),
            outbox: globals
                .outbox
                .clone()
                .map_or_else(Outbox::of_the_user, |folder| Some(Outbox::new(folder))),
            outbox_is_stated: globals.outbox.is_some(),
            buffer: None,
            invocation: std::env::args_os()
                .map(|arg| arg.to_string_lossy().into_owned())
                .collect(),
            reflected: Arc::default(),
            show_position: globals.show_position,
        }
    }

    /// How to print answers.
    pub fn format(&self) -> Format {
        self.format.unwrap_or(Format::Table)
    }

    /// How to print answers, if it was said.
    pub fn stated_format(&self) -> Option<Format> {
        self.format
    }

    /// Standard output, in the format asked for.
    pub fn output(&self) -> Output {
        match &self.buffer {
            Some(buffer) => Output::buffered(self.format(), Arc::clone(buffer)),
            None => Output::stdout(self.format()),
        }
    }

    /// A session whose answers go into a buffer as JSON, and whose commands wait nowhere.
    pub fn printing_to(server: &str, buffer: Arc<Mutex<Vec<u8>>>) -> Self {
        Self {
            server: value::server(server),
            actor: value::default_actor(),
            waited: Duration::ZERO,
            timeout: DEFAULT_TIMEOUT,
            format: Some(Format::Json),
            channel: OnceCell::new(),
            outbox: None,
            outbox_is_stated: false,
            buffer: Some(buffer),
            invocation: Vec::new(),
            reflected: Arc::default(),
            show_position: false,
        }
    }

    /// Where commands wait for their answers.
    pub fn outbox(&self) -> Result<&Outbox, Failure> {
        self.outbox.as_ref().ok_or_else(|| {
            Failure::Usage(
                "there is no place for an outbox; name a folder with --outbox".to_owned(),
            )
        })
    }

    /// The address of the node.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The same connection, on which somebody else asks.
    pub fn on_behalf_of(&self, actor: &str) -> Self {
        Self {
            actor: actor.to_owned(),
            ..self.clone()
        }
    }

    /// The same connection, on which a command is sent that has been waiting: what it tells of happened so long ago.
    pub fn after_waiting(&self, waited: Duration) -> Self {
        Self {
            waited,
            ..self.clone()
        }
    }

    /// The connection. Fails before anything was sent.
    pub async fn channel(&self) -> Result<Channel, Failure> {
        self.channel
            .get_or_try_init(|| self.connect())
            .await
            .cloned()
    }

    async fn connect(&self) -> Result<Channel, Failure> {
        if self.server.starts_with("https:") {
            return Err(Failure::Usage(format!(
                "--server {}: this version speaks no TLS; use http:// and a tunnel",
                self.server
            )));
        }
        let endpoint = Endpoint::from_shared(self.server.clone()).map_err(|error| {
            Failure::Usage(format!("--server {}: {}", self.server, root_cause(&error)))
        })?;
        endpoint
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            .connect()
            .await
            .map_err(|error| Failure::Unavailable {
                server: self.server.clone(),
                cause: root_cause(&error),
            })
    }

    /// The request with who asks and by when an answer is of use.
    pub fn envelope<R>(
        &self,
        message: R,
        timeout: Option<Duration>,
    ) -> Result<Request<R>, Failure> {
        let mut request = Request::new(message);
        let actor: MetadataValue<Ascii> = self
            .actor
            .parse()
            .map_err(|_| Failure::Usage(format!("--actor {:?} can't be sent", self.actor)))?;
        request.metadata_mut().insert(ACTOR_KEY, actor);
        let waited_ms = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
        if waited_ms > 0 {
            request.metadata_mut().insert(WAITED_KEY, waited_ms.into());
        }
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        Ok(request)
    }

    /// Sends a request as it is.
    pub async fn call<R: Call>(&self, message: R) -> Result<Result<R::Answer, Status>, Failure> {
        let channel = self.channel().await?;
        let request = self.envelope(message, Some(self.timeout))?;
        // The channel keeps the deadline as well; this one also holds while it waits to be ready.
        let grace = self.timeout + Duration::from_secs(1);
        let answer = tokio::time::timeout(grace, R::call(channel, request)).await;
        let answer = answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        let metadata = match &answer {
            Ok(answer) => answer.metadata(),
            Err(status) => status.metadata(),
        };
        if let Some(standing) = Standing::of(metadata) {
            self.reflected().note_view(standing);
        }
        Ok(answer.map(tonic::Response::into_inner))
    }

    fn reflected(&self) -> MutexGuard<'_, Reflected> {
        self.reflected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Says on standard error what everybody must know of the answers, and up to where they reflect the log if that was
    /// asked for. Once, when everything is printed.
    pub fn tell_reflected(&self) {
        let reflected = self.reflected();
        if let Some(position) = reflected.position.filter(|_| self.show_position) {
            anstream::eprintln!("as of position {position}");
        }
        if let Some(warning) = reflected.warning() {
            anstream::eprintln!("{warning}");
        }
    }

    /// Says up to where the log goes, if that was asked for: all that was recorded so far is before that.
    pub async fn tell_head(&self) -> Result<(), Failure> {
        if self.show_position {
            let head = self.ask(GetLogHeadRequest::default()).await?;
            anstream::eprintln!("as of position {}", head.position);
        }
        Ok(())
    }

    /// Asks something.
    pub async fn ask<R: Call>(&self, question: R) -> Result<R::Answer, Failure> {
        self.call(question)
            .await?
            .map_err(|status| self.unanswered(status))
    }

    /// What became of a question that was not answered.
    pub fn unanswered(&self, status: Status) -> Failure {
        match status.code() {
            Code::DeadlineExceeded | Code::Cancelled => Failure::NoAnswer(self.lateness(&status)),
            Code::ResourceExhausted | Code::Aborted => Failure::Busy(Box::new(status)),
            // With a reason it is an answer; without one there was nobody to give it.
            Code::Unavailable if reason(&status).is_some() => Failure::NotNow(Box::new(status)),
            Code::Unavailable => self.unavailable(&status),
            _ if is_broken(&status) => self.unavailable(&status),
            _ => Failure::Refused(Box::new(status)),
        }
    }

    fn unavailable(&self, status: &Status) -> Failure {
        Failure::Unavailable {
            server: self.server.clone(),
            cause: cause(status),
        }
    }

    fn lateness(&self, status: &Status) -> String {
        match status.code() {
            // Where the time is up on this side, it says so by this message alone.
            Code::Cancelled if status.message() != TimeoutExpired(()).to_string() => {
                "the node closed the line before it answered, as it does when it stops".to_owned()
            }
            Code::DeadlineExceeded | Code::Cancelled => {
                format!("no answer within {}", value::duration_text(self.timeout))
            }
            _ => cause(status),
        }
    }

    /// Gives a command. `message` may have its command id already.
    pub async fn tell<R: Mutation + Call>(&self, message: R) -> Result<R::Answer, Failure> {
        let repeat = self.repeat(message.command_id());
        let is_trial = message.validate_only();
        let unknown = |cause| {
            if is_trial {
                Failure::NoAnswer(cause)
            } else {
                Failure::Unknown { cause, repeat }
            }
        };
        // Connecting sends no command: until here Ctrl-C and failures leave no doubt.
        self.channel().await?;
        let answer = tokio::select! {
            answer = self.call(message) => answer?,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                return Err(unknown("interrupted before the answer came".to_owned()));
            }
        };
        answer.map_err(|status| match status.code() {
            Code::DeadlineExceeded | Code::Unavailable if is_unrecorded(&status) => {
                Failure::NotNow(Box::new(status))
            }
            Code::DeadlineExceeded | Code::Cancelled | Code::Unavailable => {
                unknown(self.lateness(&status))
            }
            Code::ResourceExhausted | Code::Aborted => Failure::Busy(Box::new(status)),
            _ if is_broken(&status) => unknown(cause(&status)),
            _ => Failure::Refused(Box::new(status)),
        })
    }

    /// The same command line with its command id.
    fn repeat(&self, command_id: &str) -> String {
        repeat(&self.invocation, command_id)
    }

    /// Shows one thing.
    pub async fn show<R: Call<Answer: Shows>>(&self, question: R) -> Result<(), Failure> {
        let answer = self.ask(question).await?;
        let position = self.output().shown(answer)?;
        self.reflected().note(position);
        Ok(())
    }
}

/// The reason of this system that a status states.
pub fn reason(status: &Status) -> Option<ErrorInfo> {
    let details = status.get_error_details();
    let info = details.error_info().cloned();
    info.filter(|info| info.domain == ERROR_DOMAIN)
}

/// Whether a status says for certain that the attempt was not recorded.
fn is_unrecorded(status: &Status) -> bool {
    reason(status).is_some_and(|info| info.metadata.get(RECORDED).is_some_and(|it| it == "no"))
}

/// Whether the connection failed, as against a server that answered.
fn is_broken(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

fn cause(status: &Status) -> String {
    match std::error::Error::source(status) {
        Some(source) => root_cause(source),
        None => crate::client::failure::one_line(status.message()),
    }
}

fn repeat(invocation: &[String], command_id: &str) -> String {
    let mut words = invocation.to_vec();
    let stated = words
        .iter()
        .any(|word| word == "--command-id" || word.starts_with("--command-id="));
    if !stated {
        words.extend(["--command-id".to_owned(), command_id.to_owned()]);
    }
    // Only a NUL byte can't be quoted, and arguments have none.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

#[cfg(test)]
mod tests {
    use keruen_proto::shipments::v1::{AllocateShipmentRequest, GetShipmentRequest};
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_command_to_repeat_can_be_pasted() {
        let line = repeat(
            &words(&[
                "keruen",
                "donation",
                "pledge",
                "--line",
                "item=A B,quantity=1",
            ]),
            "ID",
        );
        assert_eq!(
            shlex::split(&line).unwrap(),
            words(&[
                "keruen",
                "donation",
                "pledge",
                "--line",
                "item=A B,quantity=1",
                "--command-id",
                "ID"
            ])
        );
        for stated in [&["k", "--command-id", "ID"][..], &["k", "--command-id=ID"]] {
            assert_eq!(
                shlex::split(&repeat(&words(stated), "ID")).unwrap(),
                words(stated)
            );
        }
    }

    /// A session with a server that does this with each connection.
    async fn session_with<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
    ) -> Session {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        session(&server)
    }

    fn session(server: &str) -> Session {
        Session::new(&Globals {
            server: server.to_owned(),
            actor: None,
            format: None,
            timeout: Duration::from_millis(200),
            outbox: None,
            show_position: false,
        })
    }

    fn command() -> AllocateShipmentRequest {
        AllocateShipmentRequest {
            command_id: "ID".to_owned(),
            ..AllocateShipmentRequest::default()
        }
    }

    fn assert_unknown(failure: &Failure) {
        assert_eq!(failure.status(), 75);
        assert!(
            failure.to_string().ends_with("--command-id ID"),
            "{failure}"
        );
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_was_sent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string();
        drop(listener);
        let failure = session(&server).tell(command()).await.unwrap_err();
        assert_eq!(failure.status(), 69);
        assert!(failure.to_string().contains(&server), "{failure}");
    }

    #[tokio::test]
    async fn a_command_without_an_answer_can_be_repeated() {
        let silent = session_with(|stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await;
        assert_unknown(&silent.tell(command()).await.unwrap_err());
        let question = GetShipmentRequest::default();
        assert!(matches!(
            silent.ask(question).await.unwrap_err(),
            Failure::NoAnswer(_)
        ));
    }

    #[tokio::test]
    async fn a_command_on_a_lost_connection_can_be_repeated() {
        let lost = session_with(|mut stream| async move {
            // The connection breaks when the command has been sent.
            let mut buffer = [0; 4_096];
            let mut seen = 0;
            while seen < 200 {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(bytes) => seen += bytes,
                }
            }
        })
        .await;
        assert_unknown(&lost.tell(command()).await.unwrap_err());
    }
}
