-- +goose Up

-- So that runs need not read all values to count those of which impact.com was told nothing.
CREATE INDEX trait_values_untold ON trait_values (trait_id) WHERE delivered IS NULL;
