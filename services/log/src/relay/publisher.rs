//! Publishing: many messages under way, each of which the stream takes only in its place.

use std::{collections::VecDeque, error::Error as _};

use async_nats::{
    HeaderMap, HeaderValue, header,
    jetstream::{
        Error as ApiError, ErrorCode,
        context::{PublishAckFuture, PublishError, PublishErrorKind},
        message::PublishMessage,
    },
};
use keruen_proto::{cloudevent::MEDIA_TYPE, log::v1::RecordedEvent};
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use super::{Round, Runner, Trouble, stream::Marks};
use crate::{Query, log::Range, nats::Link};

/// Events read from the log at once.
const PAGE_EVENTS: usize = 256;

/// A message that is not published yet.
struct Prepared {
    position: u64,
    subject: String,
    headers: HeaderMap,
    payload: Vec<u8>,
}

/// A message that is published and not acknowledged yet.
struct Sent {
    position: u64,
    bytes: usize,
    ack: PublishAckFuture,
}

/// Where one round stands.
struct Progress {
    head: watch::Receiver<u64>,
    link: watch::Receiver<Link>,
    /// How often it had broken when the round began.
    broken: u64,
    /// Read from the log, not prepared yet.
    events: VecDeque<RecordedEvent>,
    /// The last event that was read.
    read: u64,
    /// The next one, for which there was no room.
    next: Option<Prepared>,
    window: VecDeque<Sent>,
    window_bytes: usize,
}

impl Progress {
    /// Ends when the connection breaks.
    async fn breaks(&mut self) {
        let broken = self.broken;
        // An error means that the client has ended.
        let _ = self.link.wait_for(|link| link.broken != broken).await;
    }
}

impl Runner {
    /// Publishes what comes after `position` until it is time to look at the stream again.
    pub(super) async fn publish(&self, position: u64, until: Instant) -> Result<Round, Trouble> {
        let link = self.connection.watch();
        let broken = link.borrow().broken;
        let mut progress = Progress {
            head: self.log.watch_head(),
            link,
            broken,
            events: VecDeque::new(),
            read: position,
            next: None,
            window: VecDeque::new(),
            window_bytes: 0,
        };
        loop {
            let late = Instant::now() >= until;
            if !late {
                self.fill(&mut progress).await?;
            }
            if let Some(sent) = progress.window.pop_front() {
                progress.window_bytes -= sent.bytes;
                if self.acknowledged(sent, &mut progress).await? == Round::Overtaken {
                    self.give_up(progress.window).await;
                    return Ok(Round::Overtaken);
                }
            } else if late || !wait_for_events(&mut progress, until).await? {
                return Ok(Round::Done);
            }
        }
    }

    /// Publishes as much as there is and as the window takes.
    async fn fill(&self, progress: &mut Progress) -> Result<(), Trouble> {
        while progress.window.len() < self.options.window_messages.max(1) {
            let Some(next) = self.next(progress).await? else {
                return Ok(());
            };
            let room = self
                .options
                .window_bytes
                .saturating_sub(progress.window_bytes);
            if next.payload.len() > room && !progress.window.is_empty() {
                progress.next = Some(next);
                return Ok(());
            }
            let sent = self.send(next).await?;
            progress.window_bytes += sent.bytes;
            progress.window.push_back(sent);
        }
        Ok(())
    }

    async fn next(&self, progress: &mut Progress) -> Result<Option<Prepared>, Trouble> {
        if let Some(next) = progress.next.take() {
            return Ok(Some(next));
        }
        if progress.events.is_empty() && *progress.head.borrow_and_update() > progress.read {
            let range = Range::after(progress.read);
            let page = self.log.read(&Query::default(), range, PAGE_EVENTS).await?;
            progress.events = page.events.into();
        }
        let Some(event) = progress.events.pop_front() else {
            return Ok(None);
        };
        progress.read = event.position;
        self.prepare(&event).map(Some)
    }

    fn prepare(&self, event: &RecordedEvent) -> Result<Prepared, Trouble> {
        let position = event.position;
        let payload = (self.renderer)(event).map_err(|error| {
            Trouble::Stopped(format!(
                "the event at position {position} has no JSON: {error}; is this an older version of the program than \
                 the one that recorded it?"
            ))
        })?;
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", MEDIA_TYPE);
        headers.insert(
            header::NATS_EXPECTED_LAST_SEQUENCE,
            HeaderValue::from(position - 1),
        );
        Marks::from(event).write(&mut headers);
        let names = &self.options.names;
        Ok(Prepared {
            position,
            subject: names.event(&event.region, &event.other_region, &event.r#type),
            headers,
            payload,
        })
    }

    async fn send(&self, prepared: Prepared) -> Result<Sent, Trouble> {
        let Prepared {
            position,
            subject,
            headers,
            payload,
        } = prepared;
        let bytes = payload.len();
        let message = PublishMessage::build()
            .headers(headers)
            .payload(payload.into());
        match self.jetstream.send_publish(subject, message).await {
            Ok(ack) => Ok(Sent {
                position,
                bytes,
                ack,
            }),
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                Err(Trouble::Stopped(format!(
                    "the event at position {position} is larger than max_payload of nats-server: {error}; raise \
                     max_payload there"
                )))
            }
            Err(error) => Err(Trouble::waiting("nothing can be published", error)),
        }
    }

    /// Waits until the stream has taken a message, or has not.
    async fn acknowledged(&self, sent: Sent, progress: &mut Progress) -> Result<Round, Trouble> {
        let answer = tokio::select! {
            answer = sent.ack => answer,
            () = progress.breaks() => {
                return Err(Trouble::Waiting("the connection to NATS broke".to_owned()));
            }
        };
        let ack = match answer {
            Ok(ack) => ack,
            Err(error) if is_wrong_sequence(&error) => return Ok(Round::Overtaken),
            Err(error) => return Err(Trouble::waiting("a message was not taken", error)),
        };
        let (name, position) = (self.options.names.stream(), sent.position);
        if ack.stream != name || ack.sequence != position {
            return Err(Trouble::Stopped(format!(
                "the event at position {position} went to message {} of the stream {}, not to {name}; let only {name} \
                 take the subjects {}",
                ack.sequence,
                ack.stream,
                self.options.names.all_events()
            )));
        }
        self.tell.send_modify(|health| health.position = position);
        Ok(Round::Done)
    }

    /// Waits for the answers to messages that came to a stream which is elsewhere, so that they are over before the next
    /// round.
    async fn give_up(&self, window: VecDeque<Sent>) {
        let answers = async {
            for sent in window {
                // The next round looks at the stream itself.
                let _ = sent.ack.await;
            }
        };
        let _ = timeout(self.options.answer_timeout, answers).await;
    }
}

/// Waits for the next event; false when it is time to look at the stream.
async fn wait_for_events(progress: &mut Progress, until: Instant) -> Result<bool, Trouble> {
    let Progress {
        head,
        link,
        broken,
        read,
        ..
    } = progress;
    tokio::select! {
        more = timeout_at(until, head.wait_for(|position| *position > *read)) => match more {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(_)) => Err(Trouble::Waiting("the log was closed".to_owned())),
            Err(_) => Ok(false),
        },
        // What is behind a new connection may be another stream.
        _ = link.wait_for(|link| link.broken != *broken) => Ok(false),
    }
}

fn is_wrong_sequence(error: &PublishError) -> bool {
    let code = error
        .source()
        .and_then(|source| source.downcast_ref::<ApiError>())
        .map(ApiError::error_code);
    error.kind() == PublishErrorKind::WrongLastSequence
        || code == Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT)
}
