"""When and where requests are sent: retries, rate limits, several servers."""
