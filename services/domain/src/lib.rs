//! The pure core: what may happen to donated aid, and why not. No input or output, no clock, no randomness: time and
//! ids come in with the command.
//!
//! One file per noun holds its fold and its commands. A [`Command`] says what it must read, and decides on the
//! [`Books`] that were read; whoever carries it out appends the events under the condition that nothing it read has
//! changed.

pub mod agreement;
pub mod asset;
pub mod batch;
pub mod books;
pub mod boundary;
pub mod calendar;
pub mod check;
pub mod check_digit;
pub mod code;
pub mod command;
pub mod correction;
pub mod donation;
pub mod emergency;
pub(crate) mod goods;
pub mod id;
pub mod keeper;
pub mod kit;
pub mod limits;
pub mod pack;
pub mod place;
pub mod plan;
pub mod quality;
pub mod region;
pub mod registry;
pub mod rejection;
pub mod request;
pub mod shipment;
pub mod stock;
pub mod tags;
pub mod unidentified;

pub use books::{Books, Entry, Fold};
pub use boundary::Boundary;
pub use calendar::facility_day;
pub use code::{Code, Label, Quantity};
pub use command::{Command, Moment, cause};
pub use pack::{Contents, InPacks, Packed};
pub use place::{Place, place};
pub use rejection::{Rejection, RejectionKind};
pub use tags::tags;
