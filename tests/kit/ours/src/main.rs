//! `kit-servers tower|actix`: a server as an application would write it. What it expects, and where it listens, it is told by
//! the environment that `jwt-conformance` starts it in.

mod actix;
mod expected;
mod mcp;
mod tower;

use std::env;
use std::error::Error;

use expected::Expected;

fn main() -> Result<(), Box<dyn Error>> {
    let framework = env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new()?;
    // Keys that are fetched are fetched in there, whichever framework serves.
    let inside = runtime.enter();
    let expected = Expected::of_the_environment()?;
    drop(inside);
    match &*framework {
        "tower" => Ok(runtime.block_on(tower::serve(expected))?),
        "actix" => Ok(actix_web::rt::System::new().block_on(actix::serve(expected))?),
        _ => Err("usage: kit-servers tower|actix".into()),
    }
}
