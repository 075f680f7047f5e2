-- For wrk: sends the tokens in the file that TOKENS names, one with each request, in order and repeatedly; without TOKENS, none.
-- Prints the result as one line of JSON.

local requests = {}
local threads = {}
presented = 0

function setup(thread)
  table.insert(threads, thread)
end

function init()
  local file = os.getenv("TOKENS")
  if not file then
    requests[1] = wrk.format("GET")
    return
  end
  for token in io.lines(file) do
    requests[#requests + 1] = wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. token })
  end
end

function request()
  presented = presented + 1
  return requests[(presented - 1) % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  local presented = 0
  for _, thread in ipairs(threads) do
    presented = presented + thread:get("presented")
  end
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d,"presented":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, presented
  ))
end
