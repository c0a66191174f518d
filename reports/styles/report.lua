-- The report's own boxes and marks, for Quarto and for the built-in renderer alike.
--
-- A fenced div with one of BOXES as its class is a CSS class in HTML, a call of `survey-box` (typst-template.typ) in the
-- PDF and a paragraph style of the same name (word_styles.py) in Word. A synthetic study's mark and banner come from the
-- metadata `synthetic`, `mark` and `banner`; the PDF's are placed by its template, and Word's mark stands in its header.

local BOXES = {
  banner = 'Banner', keyfinding = 'Key Finding', note = 'Note', method = 'Method', lead = 'Lead', small = 'Small Print',
}
local FRAMED = { banner = true, keyfinding = true, note = true, method = true }

local function is(format)
  return FORMAT:match('^' .. format) ~= nil
end

local function box_of(element)
  for _, class in ipairs(element.classes) do
    if BOXES[class] then return class end
  end
end

-- Word has paragraph styles and no boxes: list items in a box become paragraphs, so that they take its style too.
local function without_lists(blocks)
  local flat = pandoc.Blocks {}
  for _, block in ipairs(blocks) do
    if block.t == 'BulletList' or block.t == 'OrderedList' then
      for number, item in ipairs(block.content) do
        for at, part in ipairs(item) do
          local words = pandoc.Inlines(part.content)
          if at == 1 then
            words:insert(1, pandoc.Str((block.t == 'BulletList' and '•' or number .. '.') .. '\u{a0}'))
          end
          flat:insert(pandoc.Para(words))
        end
      end
    else
      flat:insert(block)
    end
  end
  return flat
end

-- Keeps two boxes apart, which Word would join, and text from the table above it.
local function gap()
  return pandoc.Div(pandoc.Para { pandoc.Str '\u{200b}' }, pandoc.Attr('', {}, { ['custom-style'] = 'Box Gap' }))
end

local function div(element)
  local box = box_of(element)
  if not box then return nil end
  if is('typst') then
    local blocks = pandoc.Blocks { pandoc.RawBlock('typst', '#survey-box("' .. box .. '")[') }
    blocks:extend(element.content)
    blocks:insert(pandoc.RawBlock('typst', ']'))
    return blocks
  elseif is('docx') then
    element.attributes['custom-style'] = BOXES[box]
    if not FRAMED[box] then return element end
    element.content = without_lists(element.content)
    return { element, gap() }
  end
end

local function span(element)
  if not element.classes:includes('muted') then return nil end
  if is('typst') then
    local inlines = pandoc.Inlines { pandoc.RawInline('typst', '#survey-muted[') }
    inlines:extend(element.content)
    inlines:insert(pandoc.RawInline('typst', ']'))
    return inlines
  elseif is('docx') then
    element.attributes['custom-style'] = 'Muted'
    return element
  end
end

-- Columns: one without an alignment would take that of its surroundings, which in the PDF is centred. A table that fits
-- the page keeps its natural width. In a wider one every column has room for its longest word, and for its numbers
-- whole; the rest goes to the columns with long cells.
local PAGE = 95 -- characters of a table's type in the width of the page
local PADDING = 3
local NUMBER = 24 -- characters: a longer cell is text, wherever it is aligned

local function sizes(element)
  local longest, least = {}, {}
  local function measure(row, whole)
    for at, cell in ipairs(row.cells) do
      local text = pandoc.utils.stringify(cell.contents)
      local length = utf8.len(text)
      longest[at] = math.max(longest[at] or 0, length + PADDING)
      least[at] = math.max(least[at] or 0, PADDING)
      local left = element.colspecs[at][1] == 'AlignLeft' or element.colspecs[at][1] == 'AlignDefault'
      if whole and not left and length <= NUMBER then
        least[at] = math.max(least[at], length + PADDING)
      else
        for part in text:gmatch('%S+') do least[at] = math.max(least[at], utf8.len(part) + PADDING) end
      end
    end
  end
  for _, row in ipairs(element.head.rows) do measure(row, false) end
  for _, body in ipairs(element.bodies) do
    for _, row in ipairs(body.body) do measure(row, true) end
  end
  return longest, least
end

local function sum(numbers)
  local total = 0
  for _, number in ipairs(numbers) do total = total + number end
  return total
end

-- Word breaks a table anywhere. One that fits a page well stays whole; of a longer one the first rows and the last stay
-- together, so that no row stands alone.
local WHOLE, TOGETHER = 25, 3 -- rows

local function kept_together(element)
  local rows = pandoc.List {}
  rows:extend(element.head.rows)
  for _, body in ipairs(element.bodies) do rows:extend(body.body) end
  for number, row in ipairs(rows) do
    if number < #rows and (#rows <= WHOLE or number < TOGETHER or number > #rows - TOGETHER) then
      for _, cell in ipairs(row.cells) do
        -- Pandoc gives a Plain the style Compact, and an empty cell none at all, which makes its row higher.
        local lines = pandoc.List(cell.contents):map(function(block) return pandoc.Para(block.content) end)
        if #lines == 0 then lines:insert(pandoc.Para { pandoc.Str '\u{200b}' }) end
        cell.contents = { pandoc.Div(lines, pandoc.Attr('', {}, { ['custom-style'] = 'Kept Row' })) }
      end
    end
  end
end

local function table_fitted(element)
  local longest, least = sizes(element)
  local wide, spare = sum(longest) > PAGE, math.max(PAGE - sum(least), 0)
  local wanted = math.max(sum(longest) - sum(least), 1)
  local whole = math.max(PAGE, sum(least))
  local columns = pandoc.List {}
  for at, column in ipairs(element.colspecs) do
    local width = (least[at] + spare * (longest[at] - least[at]) / wanted) / whole
    if not wide then width = is('docx') and longest[at] / PAGE or nil end -- without widths Word's columns are equal
    columns:insert { column[1] == 'AlignDefault' and 'AlignLeft' or column[1], width }
  end
  element.colspecs = columns
  if is('docx') then kept_together(element) end
  return is('docx') and { element, gap() } or element
end

-- A conditional span that is left out leaves the spaces around it, which Word would print.
local function spaced_once(inlines)
  local function space(at) return inlines[at] and (inlines[at].t == 'Space' or inlines[at].t == 'SoftBreak') end
  for at = #inlines, 1, -1 do
    if space(at) and space(at + 1) then inlines:remove(at + 1) end
  end
  return inlines
end

local function paragraph(block)
  local words = spaced_once(block.content)
  while words[1] and (words[1].t == 'Space' or words[1].t == 'SoftBreak') do words:remove(1) end
  block.content = words
  return block
end

-- A paragraph that leads to a list stays on its page.
local function introduced(blocks)
  if not is('typst') then return nil end
  local found = pandoc.Blocks {}
  for at, block in ipairs(blocks) do
    local after = blocks[at + 1]
    local leads = block.t == 'Para' and after and (after.t == 'BulletList' or after.t == 'OrderedList')
    if leads then found:insert(pandoc.RawBlock('typst', '#survey-intro[')) end
    found:insert(block)
    if leads then found:insert(pandoc.RawBlock('typst', ']')) end
  end
  return found
end

local function as_blocks(value)
  if pandoc.utils.type(value) == 'Blocks' then return value end
  return pandoc.Blocks { pandoc.Para(value) }
end

local function document(doc)
  if doc.meta.synthetic ~= true then
    doc.meta.mark, doc.meta.banner = nil, nil -- or they would be among the properties of the Word file
    return doc
  end
  if is('typst') then return nil end
  local first = pandoc.Blocks {}
  if is('html') then first:insert(pandoc.Div(as_blocks(doc.meta.mark), pandoc.Attr('', { 'mark' }))) end
  if doc.meta.banner then first:insert(pandoc.Div(as_blocks(doc.meta.banner), pandoc.Attr('', { 'banner' }))) end
  first:extend(doc.blocks)
  doc.blocks = first
  return doc
end

return { { Pandoc = document }, { Div = div, Span = span, Table = table_fitted, Para = paragraph }, { Blocks = introduced } }
