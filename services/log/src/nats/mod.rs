//! The log over NATS: the writer answers appends on a subject, and others append there.
//!
//! A request on [`NatsNames::append`] is a `keruen.log.v1.AppendRequest` in protobuf, its answer an `AppendResponse`.
//! Only the process that writes the log subscribes, and in no queue group: a member of a group that stands still
//! would swallow its share of the requests. So where nobody writes, NATS itself says at once that nobody answers.
//! An append that is sent again has one effect, because the log remembers command ids for ever.
//!
//! On [`NatsNames::health`] every process of the log answers with a `LogHealth`, whatever the request holds.

mod client;
mod connection;
mod endpoint;
mod health;
mod names;
mod request;
mod routed;

pub use client::{NatsLog, NatsLogOptions};
pub(crate) use connection::Link;
pub use connection::{NatsConnectError, NatsConnection, NatsOptions};
pub use endpoint::{LogEndpoint, LogEndpointOptions};
pub use health::NatsHealthError;
pub use names::NatsNames;
pub use routed::RoutedLog;
