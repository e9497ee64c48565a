//! Boards: donations, requests, plans, shipments and trips, listed.

mod donations;
mod plans;
mod requests;
mod shipments;
mod trips;

pub use self::{
    donations::{DONATIONS, DonationsQuery},
    plans::PlansQuery,
    requests::{REQUESTS, RequestsQuery},
    shipments::{SHIPMENTS, ShipmentsQuery},
    trips::TripsQuery,
};

/// The newest first.
const NEWEST: [(&str, bool); 1] = [("created_position", false)];
