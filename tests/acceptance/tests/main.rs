//! One acceptance suite for every adapter, over real TCP connections.

mod actix;
mod api_keys;
mod cache;
mod company;
mod config;
mod cost;
mod csrf;
mod forward;
mod guards;
mod hostile;
mod issued;
mod issuer;
mod issuers;
mod keys;
mod login;
mod login_model;
mod login_options;
mod login_routes;

mod logout;
mod logs;
mod metadata;
mod parity;
mod profiles;
mod published;
mod refused_keys;
mod remote_signer;
mod renewal;
mod requests;
mod seen;
mod sessions;
mod settings;
mod sign_in;
mod testing;
mod tokens;
mod tower;
