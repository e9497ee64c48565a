//! The program under test: `keruen` itself. Being a binary of this package, it is built together with the tests, from
//! the same sources and in the same profile; no test has to call cargo, and none can find a stale program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keruen::main()
}
