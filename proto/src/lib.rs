//! The one schema of Keruen: generated from `keruen/<context>/v1/*.proto`, for storage, for the stream and for clients.
//!
//! Events are the messages of every `events.proto`; [`Event`] is the enum over all of them. What a stored event must
//! fulfil beyond its wire format is checked by [`Event::decode`].

#![allow(
    clippy::pedantic,
    clippy::large_enum_variant,
    missing_docs,
    unused_qualifications,
    reason = "generated code"
)]

pub mod check;
pub mod cloudevent;
pub mod event;
pub mod mutation;
pub mod standing;

pub use event::{DecodeError, EVENT_TYPES, Event, EventType};
pub use mutation::Mutation;
pub use pbjson_types::Timestamp;
pub use standing::{Standing, ViewState};

/// All `.proto` files as an encoded `FileDescriptorSet`, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($context:ident, $file:literal) => {
        pub mod $context {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/keruen.", $file, ".v1.rs"));
                include!(concat!(env!("OUT_DIR"), "/keruen.", $file, ".v1.serde.rs"));
            }
        }
    };
}

package!(log, "log");
package!(registry, "registry");
package!(inventory, "inventory");
package!(shipments, "shipments");
package!(requests, "requests");
package!(stock, "stock");
package!(events, "events");
package!(projections, "projections");
package!(reports, "reports");
