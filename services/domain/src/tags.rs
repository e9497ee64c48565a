//! The one table that says which event carries which tags.
