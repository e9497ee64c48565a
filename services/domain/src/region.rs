//! Kazakhstan's regions, with the days from which they exist.
