-- What is in the packets of GameNetworkingSockets? A dissector for Wireshark and tshark 3.6 or later.
--
--   GAMESOCKETS_KEY_LOG=keys.log python server.py      writes the keys
--   tshark -X lua_script:gamesockets.lua -o gns.keys:keys.log -d udp.port==27015,gns -r game.pcapng -V
--
-- Without -d it recognizes handshakes, and after them all packets between the same two ports. In Wireshark: put this file
-- into the folder "Personal Lua Plugins" (Help, About, Folders), and name the key log in Preferences, Protocols, GNS.

local gns = Proto("gns", "GameNetworkingSockets")

gns.prefs.keys = Pref.string("Key log", "", "A file that GAMESOCKETS_KEY_LOG or Library.set_key_log has written")

local f = {
    kind = ProtoField.uint8("gns.kind", "Kind", base.DEC, {
        [32] = "ChallengeRequest", [33] = "ChallengeReply", [34] = "ConnectRequest",
        [35] = "ConnectOK", [36] = "ConnectionClosed", [37] = "NoConnection", [128] = "Data",
    }),
    padding = ProtoField.bytes("gns.padding", "Padding"),
    to = ProtoField.uint32("gns.to", "To connection", base.HEX),
    low = ProtoField.uint16("gns.number_low", "Packet number, low 16 bits"),
    number = ProtoField.uint64("gns.number", "Packet number"),
    stats = ProtoField.bytes("gns.stats", "Statistics"),
    spacing = ProtoField.uint32("gns.spacing", "Time since the previous packet (us)"),
    sealed = ProtoField.bytes("gns.sealed", "Sealed"),
    payload_size = ProtoField.uint32("gns.opened_bytes", "Opened, bytes"),
    field = ProtoField.string("gns.field", "Field"),
    frame = ProtoField.string("gns.frame", "Frame"),
    message_number = ProtoField.uint64("gns.message.number", "Message number, or its increment"),
    message_offset = ProtoField.uint32("gns.message.offset", "Offset in the message"),
    message_last = ProtoField.bool("gns.message.last", "Ends the message"),
    position = ProtoField.uint64("gns.stream.position", "Stream position, or the gap"),
    data = ProtoField.bytes("gns.data", "Data"),
    lane = ProtoField.uint32("gns.lane", "Lane"),
    ack_latest = ProtoField.uint32("gns.ack.latest", "Acknowledged up to, low bits"),
    ack_delay = ProtoField.uint32("gns.ack.delay", "Delay of the ack (us)"),
    ack_block = ProtoField.string("gns.ack.block", "Block"),
    stop_waiting = ProtoField.uint64("gns.stop_waiting", "No acks wanted, packets before this one"),
}
gns.fields = f

local e_malformed = ProtoExpert.new("gns.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
local e_closed = ProtoExpert.new("gns.no_key", "No key opens this packet", expert.group.DECRYPTION, expert.severity.NOTE)
gns.experts = { e_malformed, e_closed }

-- ---------------------------------------------------------------------------------------------- bits

-- The library that comes with Wireshark, that of Lua 5.2, or, compiled only there, the operators of later versions.
local bits = bit or bit32
if not bits then
    bits = load([[return {
        band = function(a, b) return a & b end,
        bor = function(a, b) return a | b end,
        bxor = function(a, b) return (a ~ b) & 0xFFFFFFFF end,
        lshift = function(a, n) return (a << n) & 0xFFFFFFFF end,
        rshift = function(a, n) return (a & 0xFFFFFFFF) >> n end,
    }]])()
end
local band, bor, bxor, lshift, rshift = bits.band, bits.bor, bits.bxor, bits.lshift, bits.rshift

-- ---------------------------------------------------------------------------------------------- AES-256 (FIPS 197)

local sbox = {}
do
    local p, q = 1, 1
    repeat
        p = band(bxor(bxor(p, lshift(p, 1)), p >= 128 and 0x11B or 0), 255)
        q = bxor(q, lshift(q, 1))
        q = bxor(q, lshift(q, 2))
        q = band(bxor(q, lshift(q, 4)), 255)
        if q >= 128 then q = bxor(q, 9) end
        local function rotated(n) return band(bor(lshift(q, n), rshift(q, 8 - n)), 255) end
        sbox[p] = bxor(bxor(bxor(bxor(q, rotated(1)), bxor(rotated(2), rotated(3))), rotated(4)), 0x63)
    until p == 1
    sbox[0] = 0x63
end

local double = {}
for x = 0, 255 do double[x] = band(bxor(x * 2, x >= 128 and 0x11B or 0), 255) end

local function expand_key(key)
    local w, rcon = {}, 1
    for i = 1, 32 do w[i] = key:byte(i) end
    for i = 33, 240, 4 do
        local a, b, c, d = w[i - 4], w[i - 3], w[i - 2], w[i - 1]
        local place = (i - 1) / 4 % 8
        if place == 0 then
            a, b, c, d = bxor(sbox[b], rcon), sbox[c], sbox[d], sbox[a]
            rcon = double[rcon]
        elseif place == 4 then
            a, b, c, d = sbox[a], sbox[b], sbox[c], sbox[d]
        end
        w[i], w[i + 1] = bxor(w[i - 32], a), bxor(w[i - 31], b)
        w[i + 2], w[i + 3] = bxor(w[i - 30], c), bxor(w[i - 29], d)
    end
    return w
end

local shifted = { 1, 6, 11, 16, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12 }

-- One block: a table of 16 bytes to another.
local function encrypt(w, block)
    local s = {}
    for i = 1, 16 do s[i] = bxor(block[i], w[i]) end
    for round = 1, 14 do
        local t = {}
        for i = 1, 16 do t[i] = sbox[s[shifted[i]]] end
        if round < 14 then
            for i = 1, 16, 4 do
                local a, b, c, d = t[i], t[i + 1], t[i + 2], t[i + 3]
                local all = bxor(bxor(a, b), bxor(c, d))
                t[i] = bxor(a, bxor(all, double[bxor(a, b)]))
                t[i + 1] = bxor(b, bxor(all, double[bxor(b, c)]))
                t[i + 2] = bxor(c, bxor(all, double[bxor(c, d)]))
                t[i + 3] = bxor(d, bxor(all, double[bxor(d, a)]))
            end
        end
        for i = 1, 16 do s[i] = bxor(t[i], w[round * 16 + i]) end
    end
    return s
end

-- ---------------------------------------------------------------------------------------------- GCM (SP 800-38D)

-- H times every value of every byte of a block, as four 32-bit words: 16 tables of 256 would be large, so nibbles.
local function ghash_tables(h)
    local function word(i) return bor(bor(lshift(h[i], 24), lshift(h[i + 1], 16)), bor(lshift(h[i + 2], 8), h[i + 3])) end
    local v = { word(1), word(5), word(9), word(13) }
    local tables = {}
    for nibble = 1, 32 do
        local one = { [0] = { 0, 0, 0, 0 } }
        for _, value in ipairs({ 8, 4, 2, 1 }) do
            one[value] = { v[1], v[2], v[3], v[4] }
            local carry = band(v[4], 1)
            v[4] = bor(rshift(v[4], 1), lshift(band(v[3], 1), 31))
            v[3] = bor(rshift(v[3], 1), lshift(band(v[2], 1), 31))
            v[2] = bor(rshift(v[2], 1), lshift(band(v[1], 1), 31))
            v[1] = rshift(v[1], 1)
            if carry == 1 then v[1] = bxor(v[1], 0xE1000000) end
        end
        for value = 1, 15 do
            if not one[value] then
                local sum = { 0, 0, 0, 0 }
                for _, part in ipairs({ 8, 4, 2, 1 }) do
                    if band(value, part) ~= 0 then
                        for i = 1, 4 do sum[i] = bxor(sum[i], one[part][i]) end
                    end
                end
                one[value] = sum
            end
        end
        tables[nibble] = one
    end
    return tables
end

local function ghash_block(tables, y, block)
    local a, b, c, d = 0, 0, 0, 0
    for i = 1, 16 do
        local x = bxor(y[i], block[i] or 0)
        local high, low = tables[i * 2 - 1][rshift(x, 4)], tables[i * 2][band(x, 15)]
        a, b = bxor(a, bxor(high[1], low[1])), bxor(b, bxor(high[2], low[2]))
        c, d = bxor(c, bxor(high[3], low[3])), bxor(d, bxor(high[4], low[4]))
    end
    local out = {}
    for i, word in ipairs({ a, b, c, d }) do
        for n = 0, 3 do out[i * 4 - 3 + n] = band(rshift(word, 24 - n * 8), 255) end
    end
    return out
end

-- The plaintext; nil unless the tag is right. No associated data.
local function open(key, nonce, chunk)
    local size = #chunk - 16
    if size < 0 then return nil end
    if not key.round_keys then
        key.round_keys = expand_key(key.key)
        local zero = {}
        for i = 1, 16 do zero[i] = 0 end
        key.tables = ghash_tables(encrypt(key.round_keys, zero))
    end
    local y = {}
    for i = 1, 16 do y[i] = 0 end
    for start = 1, size, 16 do
        y = ghash_block(key.tables, y, { chunk:byte(start, math.min(start + 15, size)) })
    end
    local lengths = {}
    for i = 1, 16 do lengths[i] = 0 end
    local bit_count = size * 8
    for i = 16, 13, -1 do
        lengths[i] = bit_count % 256
        bit_count = math.floor(bit_count / 256)
    end
    y = ghash_block(key.tables, y, lengths)
    local counter = {}
    for i = 1, 12 do counter[i] = nonce[i] end
    local function stream(n)
        counter[13], counter[14] = 0, band(rshift(n, 16), 255)
        counter[15], counter[16] = band(rshift(n, 8), 255), band(n, 255)
        return encrypt(key.round_keys, counter)
    end
    local mask = stream(1)
    for i = 1, 16 do
        if bxor(y[i], mask[i]) ~= chunk:byte(size + i) then return nil end
    end
    local out = {}
    for start = 1, size, 16 do
        local pad = stream(2 + (start - 1) / 16)
        for i = 0, math.min(15, size - start) do
            out[#out + 1] = string.char(bxor(chunk:byte(start + i), pad[i + 1]))
        end
    end
    return table.concat(out)
end

-- ---------------------------------------------------------------------------------------------- keys and numbers

local keys_by_id, keys_from = {}, nil

local function unhex(text) return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)) end

local function load_keys()
    if keys_from == gns.prefs.keys then return end
    keys_from = gns.prefs.keys
    keys_by_id = {}
    if keys_from == "" then return end
    local file = io.open(keys_from, "r")
    if not file then
        report_failure("GNS: the key log " .. keys_from .. " cannot be read")
        return
    end
    local known = {}
    for line in file:lines() do
        local to, key, iv = line:match("^GNS_AES256GCM (%x+) %x+ (%x+) (%x+)%s*$")
        if to and #key == 64 and #iv == 24 and not known[line] then
            known[line] = true
            local id = tonumber(to, 16)
            keys_by_id[id] = keys_by_id[id] or {}
            table.insert(keys_by_id[id], { key = unhex(key), iv = unhex(iv), newest = -1 })
        end
    end
    file:close()
end

-- The initialisation vector with the packet number added to its first 8 bytes, the lowest first.
local function nonce_for(iv, number)
    local nonce, carry = {}, number
    for i = 1, 8 do
        carry = carry + iv:byte(i)
        nonce[i] = carry % 256
        carry = math.floor(carry / 256)
    end
    for i = 9, 12 do nonce[i] = iv:byte(i) end
    return nonce
end

local opened = {}  -- by frame number and its place in the frame, so that a packet is opened once

local function open_packet(to, low, chunk)
    for _, key in ipairs(keys_by_id[to] or {}) do
        local numbers = {}
        if key.newest >= 0 then
            local near = key.newest + (low - key.newest + 0x8000) % 0x10000 - 0x8000
            numbers = { near, near + 0x10000, near - 0x10000 }
        else
            for round = 0, 63 do numbers[#numbers + 1] = low + round * 0x10000 end
        end
        for _, number in ipairs(numbers) do
            if number >= 0 then
                local plain = open(key, nonce_for(key.iv, number), chunk)
                if plain then
                    key.newest = math.max(key.newest, number)
                    return { number = number, plain = plain }
                end
            end
        end
    end
    return { number = nil }
end

function gns.init()
    opened = {}
    keys_from = nil
end

-- ---------------------------------------------------------------------------------------------- control messages

local names = {
    [32] = { [1] = "connection_id", [3] = "my_timestamp", [4] = "protocol_version" },
    [33] = { [1] = "connection_id", [2] = "challenge", [3] = "your_timestamp", [4] = "protocol_version" },
    [34] = {
        [1] = "client_connection_id", [2] = "challenge", [4] = "cert", [5] = "my_timestamp", [6] = "ping_est_ms",
        [7] = "crypt", [10] = "identity_string",
    },
    [35] = {
        [1] = "client_connection_id", [3] = "your_timestamp", [4] = "delay_time_usec", [5] = "server_connection_id",
        [7] = "crypt", [8] = "cert", [11] = "identity_string",
    },
    [36] = { [2] = "debug", [3] = "reason_code", [4] = "to_connection_id", [5] = "from_connection_id" },
    [37] = { [2] = "from_connection_id", [3] = "to_connection_id" },
}

-- A varint at an offset of a buffer: its value, as UInt64, and how long it is; nil if it is cut short.
local function varint(buffer, offset, stop)
    local low, high, shift, start = 0, 0, 0, offset
    while offset < stop and offset - start < 10 do
        local byte = buffer(offset, 1):uint()
        local part = band(byte, 0x7F)
        if shift < 28 then low = low + part * 2 ^ shift else high = high + part * 2 ^ (shift - 28) end
        offset = offset + 1
        shift = shift + 7
        if byte < 0x80 then
            return (UInt64(high % 2 ^ 32) * UInt64(2 ^ 28)) + UInt64(low), offset - start
        end
    end
    return nil
end

local function show_fields(buffer, offset, stop, kind, tree)
    while offset < stop do
        local tag, size = varint(buffer, offset, stop)
        if not tag then tree:add_proto_expert_info(e_malformed) return end
        local start = offset
        offset = offset + size
        local number, wire = math.floor(tag:tonumber() / 8), tag:tonumber() % 8
        local name = names[kind][number] or ("field " .. number)
        local text
        if wire == 0 then
            local value
            value, size = varint(buffer, offset, stop)
            text = value and tostring(value)
        elseif wire == 5 and offset + 4 <= stop then
            text, size = string.format("0x%08x", buffer(offset, 4):le_uint()), 4
        elseif wire == 1 and offset + 8 <= stop then
            text, size = tostring(buffer(offset, 8):le_uint64()), 8
        elseif wire == 2 then
            local length, prefix = varint(buffer, offset, stop)
            length = length and length:tonumber() or 0
            if prefix and offset + prefix + length <= stop then
                size = prefix + length
                if length == 0 then
                    text = ""
                elseif name == "debug" or name == "identity_string" then
                    text = buffer(offset + prefix, length):string()
                else
                    text = buffer(offset + prefix, length):bytes():tohex(true)
                end
            end
        end
        if not text then tree:add_proto_expert_info(e_malformed) return end
        tree:add(f.field, buffer(start, offset + size - start), name .. ": " .. text)
        offset = offset + size
    end
end

-- ---------------------------------------------------------------------------------------------- frames

local function show_frames(buffer, tree)
    local offset, stop = 0, buffer:len()
    local number_known, position_known = false, false
    local texts = {}
    local function broken(what)
        tree:add_proto_expert_info(e_malformed, what)
        return table.concat(texts, ", ")
    end
    local function sized(lead)
        local code = band(lead, 7)
        if code == 7 then return offset, stop end
        if code > 4 or offset >= stop then return nil end
        local size = code * 256 + buffer(offset, 1):uint()
        if offset + 1 + size > stop then return nil end
        return offset + 1, offset + 1 + size
    end
    local function add_data(node, from, to)
        if to > from then node:add(f.data, buffer(from, to - from)) end
    end
    while offset < stop do
        local start = offset
        local lead = buffer(offset, 1):uint()
        offset = offset + 1
        if lead < 0x40 then
            local number, what = UInt64(1), "increment"
            if not number_known then
                local width = band(lead, 0x10) ~= 0 and 4 or 2
                if offset + width > stop then return broken("message number") end
                number, what = UInt64(buffer(offset, width):le_uint()), "number"
                offset = offset + width
                number_known = true
            elseif band(lead, 0x10) ~= 0 then
                local size
                number, size = varint(buffer, offset, stop)
                if not number then return broken("message number") end
                offset = offset + size
            end
            local place = 0
            if band(lead, 8) ~= 0 then
                local value, size = varint(buffer, offset, stop)
                if not value then return broken("message offset") end
                place = value:tonumber()
                offset = offset + size
            end
            local from, to = sized(lead)
            if not from then return broken("segment") end
            local text = string.format("unreliable message, %s %s, %d bytes", what, tostring(number), to - from)
            local node = tree:add(f.frame, buffer(start, to - start), text)
            node:add(f.message_number, buffer(start, from - start), number)
            node:add(f.message_offset, buffer(start, from - start), place)
            node:add(f.message_last, buffer(start, 1), band(lead, 0x20) ~= 0)
            add_data(node, from, to)
            texts[#texts + 1] = string.format("unreliable %d B", to - from)
            offset = to
        elseif lead < 0x60 then
            local code = math.floor(lead / 8) % 4
            local width
            if position_known then
                width = code == 3 and 4 or code
            elseif code == 3 then
                return broken("stream position")
            else
                width = code < 2 and 3 + code or 6
            end
            if offset + width > stop then return broken("stream position") end
            local position = UInt64(0)
            for i = width - 1, 0, -1 do position = position * UInt64(256) + UInt64(buffer(offset + i, 1):uint()) end
            offset = offset + width
            local from, to = sized(lead)
            if not from then return broken("segment") end
            local what = position_known and "gap" or "position"
            position_known = true
            local text = string.format("reliable stream, %s %s, %d bytes", what, tostring(position), to - from)
            local node = tree:add(f.frame, buffer(start, to - start), text)
            node:add(f.position, buffer(start, from - start), position)
            add_data(node, from, to)
            texts[#texts + 1] = string.format("reliable %d B", to - from)
            offset = to
        elseif band(lead, 0xFC) == 0x80 then
            local width = ({ 1, 2, 3, 8 })[band(lead, 3) + 1]
            if offset + width > stop then return broken("stop waiting") end
            local value = UInt64(0)
            for i = width - 1, 0, -1 do value = value * UInt64(256) + UInt64(buffer(offset + i, 1):uint()) end
            local node = tree:add(f.frame, buffer(start, width + 1), "stop waiting")
            node:add(f.stop_waiting, buffer(offset, width), value)
            texts[#texts + 1] = "stop waiting"
            offset = offset + width
        elseif band(lead, 0xF8) == 0x88 then
            local lane = band(lead, 7) + 1
            if lane == 8 then
                local value, size = varint(buffer, offset, stop)
                if not value then return broken("lane") end
                lane = value:tonumber()
                offset = offset + size
            end
            number_known, position_known = false, false
            local node = tree:add(f.frame, buffer(start, offset - start), "lane " .. lane)
            node:add(f.lane, buffer(start, offset - start), lane)
            texts[#texts + 1] = "lane " .. lane
        elseif band(lead, 0xF0) == 0x90 then
            local width = band(lead, 8) ~= 0 and 2 or 4
            if offset + width + 2 > stop then return broken("ack") end
            local latest = buffer(offset, width):le_uint()
            local delay = buffer(offset + width, 2):le_uint()
            local delay_range = buffer(offset + width, 2)
            local latest_range = buffer(offset, width)
            offset = offset + width + 2
            local count = band(lead, 7)
            if count == 7 then
                if offset >= stop then return broken("ack") end
                count = buffer(offset, 1):uint()
                offset = offset + 1
            end
            local blocks = {}
            for _ = 1, count do
                if offset >= stop then return broken("ack") end
                local block_start = offset
                local runs = buffer(offset, 1):uint()
                offset = offset + 1
                local acks, nacks = math.floor(runs / 16), runs % 16
                if acks >= 8 then
                    local value, size = varint(buffer, offset, stop)
                    if not value then return broken("ack") end
                    acks = acks % 8 + value:tonumber() * 8
                    offset = offset + size
                end
                if nacks >= 8 then
                    local value, size = varint(buffer, offset, stop)
                    if not value then return broken("ack") end
                    nacks = nacks % 8 + value:tonumber() * 8
                    offset = offset + size
                end
                blocks[#blocks + 1] = { block_start, offset - block_start, acks, nacks }
            end
            local node = tree:add(f.frame, buffer(start, offset - start), "ack of packet " .. latest)
            node:add(f.ack_latest, latest_range, latest)
            if delay ~= 0xFFFF then node:add(f.ack_delay, delay_range, delay * 32) end
            for _, block in ipairs(blocks) do
                local text = string.format("%d acked above %d missing", block[3], block[4])
                node:add(f.ack_block, buffer(block[1], block[2]), text)
            end
            texts[#texts + 1] = "ack " .. latest
        else
            return broken(string.format("no frame begins with 0x%02x", lead))
        end
    end
    return table.concat(texts, ", ")
end

-- ---------------------------------------------------------------------------------------------- datagrams

local function show_data(buffer, pinfo, tree)
    local size = buffer:len()
    tree:add(f.kind, buffer(0, 1), 128)
    if size < 7 then tree:add_proto_expert_info(e_malformed) return end
    local flags, to, low = buffer(0, 1):uint(), buffer(1, 4):le_uint(), buffer(5, 2):le_uint()
    tree:add_le(f.to, buffer(1, 4))
    tree:add_le(f.low, buffer(5, 2))
    local offset = 7
    if band(flags, 1) ~= 0 then
        local length, prefix = varint(buffer, offset, size)
        length = length and length:tonumber() or size
        if not prefix or offset + prefix + length > size then tree:add_proto_expert_info(e_malformed) return end
        if length > 0 then tree:add(f.stats, buffer(offset + prefix, length)) end
        offset = offset + prefix + length
    end
    if band(flags, 2) ~= 0 then
        if offset + 2 > size then tree:add_proto_expert_info(e_malformed) return end
        tree:add(f.spacing, buffer(offset, 2), buffer(offset, 2):le_uint() * 16)
        offset = offset + 2
    end
    pinfo.cols.info = string.format("Data to 0x%08x, packet ..%d", to, low)
    if offset >= size then return end
    tree:add(f.sealed, buffer(offset))
    load_keys()
    local place = pinfo.number .. "/" .. tostring(buffer:offset())
    local result = opened[place]
    if not result then
        result = open_packet(to, low, buffer(offset):raw())
        opened[place] = result
    end
    if not result.number then
        tree:add_proto_expert_info(e_closed)
        return
    end
    tree:add(f.number, UInt64(result.number)):set_generated()
    tree:add(f.payload_size, #result.plain):set_generated()
    local text = ""
    if #result.plain > 0 then
        local inside = ByteArray.new(result.plain, true):tvb("Opened packet")
        text = show_frames(inside, tree)
    end
    pinfo.cols.info = string.format("Data to 0x%08x, packet %d: %s", to, result.number, text)
end

local function show_control(buffer, pinfo, tree, kind)
    tree:add(f.kind, buffer(0, 1))
    local offset, stop = 1, buffer:len()
    if kind == 32 or kind == 36 then
        if stop < 3 or 3 + buffer(1, 2):le_uint() > stop then tree:add_proto_expert_info(e_malformed) return end
        stop = 3 + buffer(1, 2):le_uint()
        offset = 3
        if stop < buffer:len() then tree:add(f.padding, buffer(stop)) end
    end
    show_fields(buffer, offset, stop, kind, tree)
end

local kinds = {
    [32] = "ChallengeRequest", [33] = "ChallengeReply", [34] = "ConnectRequest",
    [35] = "ConnectOK", [36] = "ConnectionClosed", [37] = "NoConnection",
}

function gns.dissector(buffer, pinfo, root)
    local size = buffer:len()
    if size < 5 then return 0 end
    local kind = buffer(0, 1):uint()
    if kind < 128 and not kinds[kind] then return 0 end
    pinfo.cols.protocol = "GNS"
    local tree = root:add(gns, buffer())
    if kind >= 128 then
        show_data(buffer, pinfo, tree)
    else
        pinfo.cols.info = kinds[kind]
        show_control(buffer, pinfo, tree, kind)
    end
    return size
end

-- Recognizes the padded first message of a handshake, and from then on everything between the two ports.
local function is_handshake(buffer, pinfo, root)
    if buffer:len() < 512 or buffer(0, 1):uint() ~= 32 then return false end
    local length = buffer(1, 2):le_uint()
    if length < 5 or 3 + length > buffer:len() or buffer(3, 1):uint() ~= 0x0D then return false end
    pinfo.conversation = gns
    gns.dissector(buffer, pinfo, root)
    return true
end

gns:register_heuristic("udp", is_handshake)
DissectorTable.get("udp.port"):add_for_decode_as(gns)
