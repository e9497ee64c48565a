//! Tests of the views against histories.

mod answers;
mod assets;
mod chance;
mod custody;
mod donor;
mod endpoint;
mod expired;
mod filters;
mod following;
mod history;
mod leaving;
mod master;
mod naive;
mod needs;
mod older;
mod parked;
mod past;
mod places;
mod plans;
mod reading;
mod report;
mod rows;
mod statement;
mod stores;
mod sums;
mod travelling;
