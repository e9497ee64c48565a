//! Tests of the views against histories.

mod answers;
mod endpoint;
mod following;
mod history;
mod naive;
mod rows;
