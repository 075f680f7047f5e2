//! An error and its causes in one line: the messages of most library errors do not include their source.

use std::error::Error;

/// The messages of the error and of all its sources, outermost first.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn chain_lists_every_source_outermost_first() {
        let error = Layer("not saved", Some(Box::new(Layer("disk", Some(Box::new(Layer("full", None)))))));
        assert_eq!(error_chain(&error), "not saved: disk: full");
    }
}
