-- wrk sends this request.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Origin"] = "https://shop.example"
wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0"
wrk.body = '{"name":"LCP","value":1234567890123456,"filler":"' .. string.rep("x", 450) .. '"}'
