-- What becomes of a code in the list of its cart's codes. A part of the scripts that end one.
--
-- The list is a hash: operation key -> msgpack list {name, expiry, content digest, 1 where it is open no more}.

local function note_spent(codes, name)
  local records = redis.call('HGETALL', codes)
  for index = 1, #records, 2 do
    local record = cmsgpack.unpack(records[index + 1])
    if record[1] == name then
      record[4] = 1
      redis.call('HSET', codes, records[index], cmsgpack.pack(record))
    end
  end
end
