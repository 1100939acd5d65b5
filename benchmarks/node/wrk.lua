-- wrk's script: each request in turn carries the cookie of another session.
-- Arguments: the method, and a file with one cookie a line. The last line of output is JSON.

local requests, next_one = {}, 0

function init(args)
  for cookie in io.lines(args[2]) do
    requests[#requests + 1] = wrk.format(args[1], nil, { Cookie = cookie })
  end
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
end
