//! Who may speak for which account: tokens and client certificates, checked before anything else is read.
//!
//! Credentials come from a hello, a TLS handshake or an `Authorization` header, and leave as a
//! [`Grant`](grant::Grant): one account, some apps, some scopes. Nothing else in the daemon decides whose
//! data a request may touch. Tokens are kept hashed; no error, log or debug print shows one.
//!
//! Read in this order: the secret itself ([`token`]), what it allows ([`grant`]), the file of them ([`book`]),
//! the question "who is this?" ([`authority`]) and how often it was asked ([`uses`]), the daemon's own certificate
//! ([`tls`]), the command line ([`command`]), and what accounts do themselves over HTTP ([`delegation`]).

pub mod token;
pub mod grant;
pub mod book;
pub mod authority;
pub mod uses;
pub mod tls;
pub mod command;
pub mod delegation;

#[cfg(test)]
mod authority_tests;
#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod delegation_tests;
