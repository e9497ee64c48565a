//! What facilities ask for: `RequestService`, and `EmergencyService` and `PlanService` beside it.

pub mod clock;
mod emergency;
mod endpoint;
mod parse;
mod plan;

pub use emergency::EmergencyEndpoint;
pub use endpoint::RequestEndpoint;
pub use plan::PlanEndpoint;
