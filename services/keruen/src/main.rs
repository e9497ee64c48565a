//! The executable; everything is in the library.

use std::process::ExitCode;

/// Events are many small texts that are made on one thread and freed on another, which is what this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keruen::main()
}
