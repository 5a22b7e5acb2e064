-- Put before take.lua in place of pop.lua where something has a limit: what may run within the limits of the one who asks.
-- ARGV: see take.lua; 6 number of projects with a limit, then as many pairs of project and most runs, then pairs of pipeline
--       and most runs

-- Jobs of one project looked at for one whose pipeline has room. Whoever has more in a row that wait for one pipeline
-- gets the others a little later.
local LOOK_AHEAD = 50
-- Jobs looked at in one go: one script stays well below 10 ms.
local MOST_LOOKS = 1000
-- Milliseconds after which the rest of the ring is looked at, where that was not enough.
local LOOK_ON_AFTER = 250
-- Milliseconds for which it is known that somebody waits: twice the longest wait, which asks anew.
local HELD_BACK_FOR = 2 * 3600 * 1000

local most_of_project, most_of_pipeline = {}, {}
-- What is full and has jobs that wait, by kind and name.
local full = {}
local running_of_project, running_of_pipeline

local projects_end = 6 + 2 * tonumber(ARGV[6])
for index = 7, #ARGV, 2 do
  local most = index < projects_end and most_of_project or most_of_pipeline
  most[ARGV[index]] = tonumber(ARGV[index + 1])
end
local pipelines_limited = next(most_of_pipeline) ~= nil

local function is_full(kind, name)
  local most = (kind == 'project' and most_of_project or most_of_pipeline)[name]
  if not most then
    return false
  end
  if not running_of_project then
    running_of_project, running_of_pipeline = count_running(pipelines_limited)
  end
  local running = (kind == 'project' and running_of_project or running_of_pipeline)[name] or 0
  if running < most then
    return false
  end
  full[kind .. ':' .. name] = { kind, name }
  return true
end

-- Takes an entry out of its project's queue, and gives the project's next turn to the others.
local function leave_queue(project, ticket, place)
  if place == 1 then
    call('LPOP', project_key(project))
  else
    call('LREM', project_key(project), 1, ticket)
  end
  call('LREM', RING, 1, project)
  if call('EXISTS', project_key(project)) == 1 then
    call('RPUSH', RING, project)
  end
end

-- The first entry of the next project that may run now, or that is over and needs no slot: such ones are at the front. What
-- is full keeps its place. Without one, and when not all of the
-- ring was looked at, also the milliseconds after which to ask again: the rest is first then.
local function pop()
  local looks = 0
  local ring = call('LRANGE', RING, 0, -1)
  for turn, project in ipairs(ring) do
    if is_full('project', project) then
      local first = call('LINDEX', project_key(project), 0)
      if first and is_over(first) then
        leave_queue(project, first, 1)
        return first
      end
    else
      local waiting = call('LRANGE', project_key(project), 0, pipelines_limited and LOOK_AHEAD - 1 or 0)
      for place, ticket in ipairs(waiting) do
        if not (pipelines_limited and is_full('pipeline', pipeline_of(ticket))) or is_over(ticket) then
          leave_queue(project, ticket, place)
          return ticket
        end
      end
      if #waiting == 0 then
        call('LREM', RING, 1, project)
      end
      looks = looks + #waiting
      if looks >= MOST_LOOKS and turn < #ring then
        for _ = 1, turn do
          call('LMOVE', RING, RING, 'LEFT', 'RIGHT')
        end
        return nil, LOOK_ON_AFTER
      end
    end
  end
  return nil
end

-- What is full, for the answer. Whoever waits for it must hear of the next slot.
local function held_back()
  local told = {}
  for _, limit in pairs(full) do
    told[#told + 1] = limit[1]
    told[#told + 1] = limit[2]
  end
  if #told > 0 then
    call('SET', HELD_BACK, '1', 'PX', HELD_BACK_FOR)
  end
  return told
end
