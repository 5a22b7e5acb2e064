-- Put before take.lua where nothing has a limit.

-- The next entry of the next project that has one.
local function pop()
  while true do
    local project = call('LPOP', RING)
    if not project then
      return nil
    end
    local ticket = call('LPOP', project_key(project))
    if ticket then
      if call('EXISTS', project_key(project)) == 1 then
        call('RPUSH', RING, project)
      end
      return ticket
    end
  end
end

local function held_back()
  return {}
end
