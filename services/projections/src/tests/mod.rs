//! Tests of the views against histories.
