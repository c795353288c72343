//! What the outbox says to a consumer, as a problem.

use crate::domain::problem::{Kind, Problem};
use crate::outbox::{ConsumerError, OutboxError};

impl From<ConsumerError> for Problem {
    fn from(error: ConsumerError) -> Self {
        let detail = error.to_string();
        match error {
            ConsumerError::Unknown { .. } => Self::new(Kind::NotFound, detail).at("name"),
            ConsumerError::OtherFilter { .. } => Self::new(Kind::Conflict, detail).at("/kinds"),
            ConsumerError::TooMany { .. } => Self::new(Kind::Conflict, detail).at("name"),
            ConsumerError::Ahead { .. } => Self::field("/offset", detail),
            ConsumerError::AckFirst { .. } => Self::new(Kind::Conflict, detail),
            ConsumerError::Outbox(OutboxError::Unreadable { .. }) => {
                Self::new(Kind::Internal, detail)
            }
            ConsumerError::Outbox(OutboxError::Failed { .. } | OutboxError::Closed) => {
                Self::new(Kind::Unavailable, detail)
            }
        }
    }
}
