//! What all requests that change something have in common.

/// A request that changes something: it names its command, and may say when the fact happened.
pub trait Mutation: prost::Message + Default {
    /// Full protobuf name of the request.
    const TYPE: &'static str;
    /// UUID chosen by the client.
    fn command_id(&self) -> &str;
    /// When the fact happened; `None` means now.
    fn occurred_at(&self) -> Option<&pbjson_types::Timestamp>;
    /// A `keruen.log.v1.TimePrecision` as sent.
    fn occurred_at_precision(&self) -> i32;
    /// Decide and answer, but record nothing.
    fn validate_only(&self) -> bool;
}

include!(concat!(env!("OUT_DIR"), "/mutations.rs"));
