//! The program itself: its command line, its files and its exit status.

mod command_line;
