-- +goose Up

-- Which messages the last run sent, by its configuration, and as what: plan says
-- what another configuration adds.
CREATE TABLE routes (
  type    TEXT NOT NULL,                    -- track, page, screen, identify
  name    TEXT NOT NULL,                    -- of a track event; '' for the others
  becomes TEXT NOT NULL,                    -- conversion, install, page_load
  PRIMARY KEY (type, name)
) WITHOUT ROWID;
