//! The trace context of a request (W3C Trace Context, `traceparent`).

/// A well-formed `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceParent<'a> {
    /// 32 hexadecimal digits, not all zero.
    pub(crate) trace_id: &'a str,
    /// The caller's span: 16 hexadecimal digits, not all zero.
    pub(crate) span_id: &'a str,
    /// Two hexadecimal digits; the lowest bit is set if the trace is sampled.
    pub(crate) flags: &'a str,
}

impl<'a> TraceParent<'a> {
    /// Parses the value of the header field. Returns `None` if it is malformed.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|octet| octet != b'0');
        let is_version = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let is_valid = is_version && is_id(trace_id, 32) && is_id(span_id, 16) && is_hex(flags, 2);
        is_valid.then_some(Self { trace_id, span_id, flags })
    }
}
