//! The edge between gRPC and the domain, shared by all services that take commands: who calls, what the fields of a
//! request say, how a command is carried out against the log, and how an error becomes a status. It holds no rule of
//! the domain and no storage.

pub mod actor;
pub mod boundaries;
pub mod deadline;
pub mod desk;
pub mod fields;
pub mod queue;
pub mod snapshots;
pub mod status;
pub mod waited;

pub use desk::{Desk, DeskOptions};
pub use fields::Fields;
pub use snapshots::SnapshotOptions;
pub use status::field_violation;
