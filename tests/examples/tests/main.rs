//! What every example says of itself, of its port, and of mistakes. They are found by their directory, and how they take
//! their port by what `--help` says.

mod command_line;
mod example;
